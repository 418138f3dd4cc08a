// Small changes that the mutators share: to bytes, to lists, to numbers. Everything follows from the random numbers given.

/** One to four edits of single bytes and short runs. */
export function editBytes(random, original) {
  let bytes = Buffer.from(original);
  for (let n = random.integer(1, 4); n > 0 && bytes.length > 0; n--) {
    const at = random.integer(0, bytes.length - 1);
    const run = random.integer(1, 16);
    bytes = random.pick(BYTE_EDITS)(random, bytes, at, run);
  }
  return bytes;
}

const spliced = (bytes, at, cut, ...put) =>
  Buffer.concat([bytes.subarray(0, at), ...put, bytes.subarray(at + cut)]);

const BYTE_EDITS = [
  (random, bytes, at) => spliced(bytes, at, 1, Buffer.of(random.integer(0, 255))),
  (random, bytes, at) => spliced(bytes, at, 1, Buffer.of(bytes[at] ^ (1 << random.integer(0, 7)))),
  (random, bytes, at) => spliced(bytes, at, 1, Buffer.of(random.pick([0, 1, 0x7f, 0x80, 0xff]))),
  (_random, bytes, at, run) => spliced(bytes, at, run),
  (random, bytes, at) => spliced(bytes, at, 0, Buffer.of(random.integer(0, 255))),
  (_random, bytes, at, run) => spliced(bytes, at, 0, bytes.subarray(at, at + run)),
  (random, bytes, at, run) =>
    spliced(bytes, at, run, bytes.subarray(random.integer(0, bytes.length - 1)).subarray(0, run)),
  (random, bytes, at) => (random.chance(0.2) ? bytes.subarray(0, at) : bytes),
];

/** A list with elements dropped, doubled, moved, or changed by `change`. */
export function editList(random, items, change) {
  const list = [...items];
  for (let n = random.integer(1, 3); n > 0 && list.length > 0; n--) {
    const at = random.integer(0, list.length - 1);
    const other = random.integer(0, list.length - 1);
    const kind = random.integer(0, 7);
    if (kind === 0) list.splice(at, 1);
    else if (kind === 1) list.splice(other, 0, list[at]);
    else if (kind === 2) [list[at], list[other]] = [list[other], list[at]];
    else list[at] = change(list[at], items);
  }
  return list;
}

const INTEGERS = [-1n, 0n, 1n, 2n, 3n, 5n, 7n, 64n, 255n, 1000n, 65536n, 1000000n];
const EDGES = [1n << 31n, -(1n << 31n), 1n << 32n, 1n << 53n, (1n << 63n) - 1n, -(1n << 63n), 1n << 40n];

/** An integer that is likely to break something: near the old one, small, or at an edge. */
export function integerNear(random, old) {
  if (random.chance(0.3)) return old + random.pick([-1n, 1n]);
  return random.pick(random.chance(0.7) ? INTEGERS : EDGES);
}
