// What lies in the chosen files, read on this computer: series by series, person by person. Nothing of it is sent.

// So many questions wait at the workers, that none of them is idle.
const AT_ONCE = 8;
// Inside an archive these stay: letters come so, too, and nobody would have seen what is in them.
const PACKED = new Set(["archive", "packed"]);

// Never given twice: another choice of files must not be taken for the archive that a worker holds open.
let numbered = 0;

/** What is to be sent, one for each file; `number` is the file's own, by which a worker knows an archive again. */
export function sourcesOf(files) {
  return files.map((file) => ({ file, number: numbered++, size: file.size, head: null }));
}

/** How a worker is told of a source. */
export function asked({ file, number, member, size }) {
  return member === undefined ? { file, number } : { file, number, member, size };
}

/** What was found: `groups` are studies of persons, `raw` goes to the encrypted intake unread, `others` is no image. */
export async function survey(files, cleaners, heard) {
  const found = { sources: [], raw: [], others: 0 };
  let waiting = sourcesOf(files);
  let done = 0;
  // Members of archives are read in a turn of their own, again by all workers.
  while (waiting.length) {
    const total = done + waiting.length;
    const inside = [];
    const read = async () => {
      while (waiting.length) {
        const one = waiting.shift();
        const answer = await cleaners.ask({ do: "read", ...asked(one) });
        inside.push(...sort(found, one, answer));
        done += 1;
        heard(done, total + inside.length);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, read));
    waiting = inside;
  }
  return { ...found, groups: groupsOf(found.sources) };
}

/** Put one answer where it belongs; returns what lies inside and is to be read, too. */
function sort(found, one, answer) {
  if (answer.kind === "image") {
    one.head = answer.head;
    found.sources.push(one);
  } else if (answer.kind === "archive" && answer.members) {
    return answer.members.map(({ member, size }) => ({ ...one, member, size }));
  } else if (answer.kind === "other" || (one.member !== undefined && PACKED.has(answer.kind))) {
    found.others += 1;
  } else if (answer.kind !== "folder") {
    // What could not be read here is for the encrypted intake; of an archive that could not be opened, all of it.
    found.raw.push(one);
  }
  return [];
}

function groupsOf(sources) {
  const groups = new Map();
  for (const one of sources) {
    const { patient_id: id, patient_name: name, birth_date: born, study } = one.head;
    const key = JSON.stringify([id, name, born, study]);
    if (!groups.has(key)) groups.set(key, { person: JSON.stringify([id, name, born]), head: one.head, sources: [] });
    groups.get(key).sources.push(one);
  }
  return [...groups.values()];
}

/** The series of some sources, in the order of their numbers of images. */
export function seriesOf(sources) {
  const series = new Map();
  for (const one of sources) {
    const uid = one.head?.series ?? "";
    if (!series.has(uid)) series.set(uid, { uid, head: one.head, sources: [] });
    series.get(uid).sources.push(one);
  }
  return [...series.values()].sort((left, right) => right.sources.length - left.sources.length);
}

/** Each series that the charter asks for, with the one that answers it or null; none answers two. */
export function comparison(requirements, series) {
  const free = [...series];
  return requirements.map((wanted) => {
    const fitting = free.filter((one) => one.head.modality === wanted.modality);
    const best = fitting.find((one) => imagesOf(one) >= wanted.minimum_slices) ?? fitting[0] ?? null;
    if (best) free.splice(free.indexOf(best), 1);
    return { wanted, series: best, isEnough: best !== null && imagesOf(best) >= wanted.minimum_slices };
  });
}

export function imagesOf({ sources }) {
  return sources.reduce((sum, one) => sum + (one.head?.frames || 1), 0);
}
