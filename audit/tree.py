"""The sealed tree in tiles of 256 hashes: appending, roots and proofs without reading every leaf (RFC 6962, 9162)."""

from dataclasses import dataclass, field

from audit.models import Tile
from audit.verifier import node

WIDTH = 256
_HASH = 32


@dataclass(slots=True)
class Tree:
    """The first `size` leaves. Tiles are read once each and kept for the life of the object."""

    size: int
    _tiles: dict[tuple[int, int], Tile] = field(default_factory=dict)

    def append(self, leaf: bytes, *, sequence: int) -> None:
        """Add a leaf; `save` then writes the tiles that changed."""
        tile = self._tile(0, self.size // WIDTH)
        tile.hashes = bytes(tile.hashes) + leaf
        tile.sequences.append(sequence)
        self.size += 1
        if self.size % WIDTH == 0:
            self._lift(1, self.size // WIDTH - 1)

    def _lift(self, level: int, position: int) -> None:
        """Put the root of a tile that has just become full into the tile above it."""
        tile = self._tile(level, position // WIDTH)
        tile.hashes = bytes(tile.hashes) + self._of(position * WIDTH, (position + 1) * WIDTH, level - 1)
        if (position + 1) % WIDTH == 0:
            self._lift(level + 1, position // WIDTH)

    def save(self, changed_from: int) -> None:
        """Write every tile that leaves from number `changed_from` on have touched, in one statement."""
        level, first, changed = 0, changed_from // WIDTH, list[Tile]()
        while touched := [tile for (at, number), tile in self._tiles.items() if at == level and number >= first]:
            changed += [tile for tile in touched if tile.hashes]
            level, first = level + 1, first // WIDTH
        for tile in changed:
            tile.pk = None
            tile.lowest, tile.highest = min(tile.sequences, default=0), max(tile.sequences, default=0)
        Tile.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["level", "number"],
            update_fields=["hashes", "sequences", "lowest", "highest"],
        )

    def root(self) -> bytes:
        return self._of(0, self.size, 0)

    def path(self, index: int) -> list[bytes]:
        """Return the hashes that lead from leaf `index` to the root, nearest first (RFC 9162 2.1.3.1)."""
        return self._path(index, 0, self.size)

    def leaf(self, index: int) -> bytes:
        return self._hash(0, index)

    def index_of(self, sequence: int) -> int | None:
        """Return the number of an event's leaf, None where it is not sealed yet."""
        for tile in Tile.objects.filter(level=0, lowest__lte=sequence, highest__gte=sequence):
            if sequence in tile.sequences:
                index: int = tile.number * WIDTH + tile.sequences.index(sequence)
                return index if index < self.size else None
        return None

    def _path(self, index: int, low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        middle = low + _largest_power_below(high - low)
        if index < middle:
            return [*self._path(index, low, middle), self._of(middle, high, 0)]
        return [*self._path(index, middle, high), self._of(low, middle, 0)]

    def _of(self, low: int, high: int, level: int) -> bytes:
        """Return the root over entries low to high of a level, from the highest tiles that hold whole parts of it."""
        count = high - low
        if count == 1:
            return self._hash(level, low)
        if count % WIDTH == 0 and low % WIDTH == 0 and count & (count - 1) == 0 and self._has_above(level, high):
            return self._of(low // WIDTH, high // WIDTH, level + 1)
        middle = low + _largest_power_below(count)
        return node(self._of(low, middle, level), self._of(middle, high, level))

    def _has_above(self, level: int, high: int) -> bool:
        above = self._tile(level + 1, (high // WIDTH - 1) // WIDTH)
        return len(above.hashes) >= ((high // WIDTH - 1) % WIDTH + 1) * _HASH

    def _hash(self, level: int, index: int) -> bytes:
        start = index % WIDTH * _HASH
        return bytes(self._tile(level, index // WIDTH).hashes)[start : start + _HASH]

    def _tile(self, level: int, number: int) -> Tile:
        if (level, number) not in self._tiles:
            found = Tile.objects.filter(level=level, number=number).first()
            self._tiles[level, number] = found or Tile(level=level, number=number, hashes=b"", sequences=[])
        return self._tiles[level, number]


def _largest_power_below(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1
