// Mutations of model files, each a function of seed and number alone. Archives are changed as bytes, as zip records, as pickle
// opcodes and as program text; ONNX files as bytes and as pieces of records.
import { crc32 } from '../dist/frontend/torchscript/archive/crc32.js';
import { openZip } from '../dist/frontend/torchscript/archive/zip.js';

/** splitmix32: numbers below n. */
function random(seed, index) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
  return (n) => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % Math.max(1, n);
  };
}

const pick = (r, list) => list[r(list.length)];
const spliced = (bytes, at, drop, put = new Uint8Array(0)) =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + drop)]);

/** Edits of bytes: flips, extreme numbers, cuts, copies. */
const EDITS = [
  (r, b) => spliced(b, r(b.length), 1, Uint8Array.of(r(256))),
  (r, b) => spliced(b, r(b.length), 1, Uint8Array.of(pick(r, [0, 1, 0x7f, 0x80, 0xff]))),
  (r, b) =>
    spliced(
      b,
      r(b.length),
      4,
      Uint8Array.of(
        ...pick(r, [
          [0, 0, 0, 0],
          [255, 255, 255, 255],
          [0, 0, 0, 128],
        ]),
      ),
    ),
  (r, b) => spliced(b, r(b.length), 1 + r(16)),
  (r, b) => {
    const at = r(b.length);
    return spliced(b, r(b.length), 0, b.subarray(at, at + 1 + r(64)));
  },
];
const edited = (r, bytes) => {
  let result = Buffer.from(bytes);
  for (let n = 1 + r(3); n > 0; n--) result = pick(r, EDITS)(r, result);
  return result;
};
const cut = (r, bytes) => bytes.subarray(0, r(bytes.length));

const WORDS =
  '0 1 -1 None x [] [1,2] True False 2.5 self "s" {} (1,2) 9223372036854775807 1000000 CONSTANTS.c0 torch.size(x) () 1e308'.split(
    ' ',
  );

/** Edits of program text: words exchanged, lines dropped, doubled, moved, indented. */
function editedText(r, text) {
  const lines = text.split('\n');
  const at = r(lines.length);
  const words = [...text.matchAll(/[A-Za-z_0-9.]+/g)];
  const replaced = (by) => {
    const word = pick(r, words);
    return word === undefined
      ? text
      : text.slice(0, word.index) + by + text.slice(word.index + word[0].length);
  };
  const edits = [
    () => replaced(pick(r, WORDS)),
    () => replaced(pick(r, words)?.[0] ?? ''),
    () => lines.toSpliced(at, 1).join('\n'),
    () => lines.toSpliced(at, 0, pick(r, lines)).join('\n'),
    () => lines.with(at, ` ${lines[at]}`).join('\n'),
  ];
  return pick(r, edits)();
}

const record = (...parts) => {
  const out = Buffer.alloc(parts.reduce((n, [size]) => n + size, 0));
  parts.reduce((at, [size, value]) => out.writeUIntLE(value, at, size), 0);
  return out;
};

/** A zip file of stored members. */
function packed(members) {
  const [body, directory] = [[], []];
  let at = 0;
  for (const [name, data] of members) {
    const title = Buffer.from(name);
    const common = [
      [2, 0],
      [2, 0],
      [4, 0],
      [4, crc32(data)],
      [4, data.length],
      [4, data.length],
      [2, title.length],
    ];
    const head = Buffer.concat([record([4, 0x04034b50], [2, 20], ...common, [2, 0]), title]);
    const tail = [
      [2, 0],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, at],
    ];
    directory.push(record([4, 0x02014b50], [2, 20], [2, 20], ...common, ...tail), title);
    body.push(head, data);
    at += head.length + data.length;
  }
  const size = directory.reduce((n, part) => n + part.length, 0);
  const n = members.length;
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, n], [2, n], [4, size], [4, at], [2, 0]);
  return Buffer.concat([...body, ...directory, end]);
}

/** The archive with one kind of member edited; checksums are true again, so that what reads members sees it. */
const inside = (suffix, edit) => (r, bytes) => {
  const zip = openZip(bytes, 'seed');
  const members = [...zip.members.values()].map((m) => [m.name, zip.read(m)]);
  const candidates = members.filter(([name]) => name.endsWith(suffix));
  const chosen = pick(r, candidates.length > 0 ? candidates : members);
  return packed(members.map(([name, data]) => [name, name === chosen[0] ? edit(r, data) : data]));
};

const members = (r, bytes) => {
  const zip = openZip(bytes, 'seed');
  const list = [...zip.members.values()].map((m) => [m.name, zip.read(m)]);
  const [i, j] = [r(list.length), r(list.length)];
  return packed(
    pick(r, [
      () => list.toSpliced(i, 1),
      () => [...list, list[i]],
      () => list.with(i, [list[i][0], list[j][1]]),
      () => list.with(i, [pick(r, [`${list[i][0]}x`, list[j][0], `../${list[i][0]}`, '']), list[i][1]]),
      () => list.with(i, [list[i][0], cut(r, list[i][1])]),
    ])(),
  );
};

const asText = (r, data) => Buffer.from(editedText(r, Buffer.from(data).toString('utf8')));
/** The directory of a zip file stands at its end. */
const nearEnd = (r, bytes) => {
  const from = Math.max(0, bytes.length - 2000);
  return Buffer.concat([bytes.subarray(0, from), edited(r, bytes.subarray(from))]);
};

const KINDS = {
  torchscript: [
    edited,
    cut,
    nearEnd,
    members,
    inside('.pkl', edited),
    inside('.pkl', edited),
    inside('.py', asText),
    inside('.py', asText),
    inside('.py', edited),
  ],
  onnx: [edited, edited, edited, cut],
};

/** The bytes of a case. */
export function mutated(kind, { bytes }, seed, index) {
  const r = random(seed, index);
  return pick(r, KINDS[kind])(r, bytes);
}
