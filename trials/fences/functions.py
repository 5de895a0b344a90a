"""What the database itself looks up of a person: the memberships that hold today, and the cases of a reader.

The functions belong to the owner of the tables (SECURITY DEFINER) and pass the fence while they look: a policy that
asked the fenced memberships itself would ask for ever.
"""

from trials.fences.anchors import COLUMN, SITE, TRIAL
from trials.roles import TABLE, Act, Reach, Role

_PERSON = """
CREATE OR REPLACE FUNCTION corelab_person() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT nullif(current_setting('corelab.person', true), '')::bigint
$$
"""
# Whose setting counts as a machine's: nobody who may not write the trail, so never an inspector. By its full name: a
# temporary table of the same one is no trail.
_MACHINE = """
CREATE OR REPLACE FUNCTION corelab_machine() RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce(current_setting('corelab.machine', true), '') <> ''
    AND has_table_privilege('{schema}.audit_auditevent', 'INSERT')
$$
"""
_ASKED = """
CREATE OR REPLACE FUNCTION {signature} RETURNS {kind} LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = {schema}, pg_temp AS $$
DECLARE
  told text := coalesce(current_setting('corelab.machine', true), '');
  today date := (statement_timestamp() AT TIME ZONE 'UTC')::date;
  answer {kind};
BEGIN
  PERFORM set_config('corelab.machine', 'fence', true);
  answer := ({question});
  PERFORM set_config('corelab.machine', told, true);
  RETURN answer;
END $$
"""
_SEATS = """
  FROM trials_membership m JOIN trials_user u ON u.id = m.user_id AND u.is_active
  WHERE m.user_id = corelab_person() AND m.starts <= today AND (m.ends IS NULL OR m.ends >= today)
"""
_TRIALS = """
  SELECT coalesce(array_agg(m.trial_id), '{{}}')
  {seats} AND CASE reach
    WHEN 'whole' THEN m.trial_site_id IS NULL AND m.role IN ({whole})
    WHEN 'own' THEN m.role IN ({own})
    ELSE m.role IN ({every}) END
"""
# The sites of a person: those they stand on, and all of a trial they stand on as a whole.
_SITES = """
  SELECT coalesce(array_agg(s.id), '{{}}') FROM trials_trialsite s WHERE EXISTS (
    SELECT 1 {seats} AND m.trial_id = s.trial_id
    AND (m.trial_site_id = s.id OR m.trial_site_id IS NULL AND m.role IN ({whole})))
"""
_CODES = """
  SELECT coalesce(array_agg(t.code::text), '{}') FROM trials_trial t
  WHERE t.id = ANY ((SELECT corelab_trials('any'))::bigint[])
"""
_CASE = """
  SELECT coalesce(array_agg(DISTINCT a.{which}), '{{}}') FROM {assignments} a
  WHERE a.reader_id = corelab_person() AND a.{trial} = ANY ((SELECT corelab_trials('own'))::bigint[])
"""
_NO_CASE = "SELECT '{}'::bigint[]"


def lookups(*, schema: str) -> tuple[str, ...]:
    """Return the SQL of what every fence asks of a person's memberships."""
    trials = _TRIALS.format(seats=_SEATS, whole=_words(whole()), own=_words(own()), every=_words(frozenset(Role)))
    sites = _SITES.format(seats=_SEATS, whole=_words(whole()))
    return (
        _PERSON,
        _MACHINE.format(schema=schema),
        _asked("corelab_trials(reach text)", "bigint[]", trials, schema),
        _asked("corelab_sites()", "bigint[]", sites, schema),
        _asked("corelab_codes()", "text[]", _CODES, schema),
    )


def cases(assignments: str, *, schema: str) -> tuple[str, ...]:
    """Return the SQL that lists the subjects who are cases of the reader who asks, and their sites; "" for none yet."""
    which = {"corelab_cases": COLUMN, "corelab_case_sites": SITE}
    return tuple(
        _asked(
            f"{name}()",
            "bigint[]",
            _CASE.format(assignments=assignments, which=column, trial=TRIAL) if assignments else _NO_CASE,
            schema,
        )
        for name, column in which.items()
    )


def own() -> frozenset[Role]:
    """Roles that meet a case through an assignment alone: blinded readers."""
    return frozenset(role for role, acts in TABLE.items() if acts.get(Act.READ_VIEW) is Reach.OWN)


def whole() -> frozenset[Role]:
    """Roles that stand on the whole trial: some act of theirs reaches all of it, and none is held to a site."""
    reaching = {role for role, acts in TABLE.items() if Reach.TRIAL in acts.values()}
    return frozenset(reaching - {role for role in reaching if Reach.SITE in TABLE[role].values()} - own())


def _asked(signature: str, kind: str, question: str, schema: str) -> str:
    return _ASKED.format(signature=signature, kind=kind, question=question, schema=schema)


def _words(roles: frozenset[Role]) -> str:
    return ", ".join(f"'{role}'" for role in sorted(roles)) or "NULL"
