// TorchScript archives with something changed: bytes of the file, records of the zip, operations of a pickle, the program's
// text, the set of members. What lies around the change is written correctly, so that it is reached.
import { torchOperators } from '../../dist/frontend/torchscript/aten/table.js';
import { editBytes, editList, integerNear } from './edits.mjs';
import { BARE_CODES, operandBounds, readPickle, writePickle } from './pickle-file.mjs';
import { readZip, writeZip } from './zip-file.mjs';

const OPERATORS = torchOperators().map(({ name }) => name.replace('::', '.'));

/** What may be done to an archive, by how often. */
const KINDS = [
  [2, changedFile],
  [2, changedRecords],
  [3, changedPickle],
  [6, changedText],
  [1, changedMember],
  [1, changedMembers],
];
const WEIGHTED = KINDS.flatMap(([times, change]) => new Array(times).fill(change));

/** @returns the bytes of a file that was `bytes` before */
export function mutateArchive(random, bytes) {
  return random.pick(WEIGHTED)(random, bytes);
}

function changedFile(random, bytes) {
  return editBytes(random, bytes);
}

function changedRecords(random, bytes) {
  const members = readZip(bytes);
  const records = 2 * members.length + 1;
  const chosen = new Set([random.integer(0, records - 1), random.integer(0, records - 1)]);
  let index = 0;
  return writeZip(members, (record, fields) => {
    if (!chosen.has(index++)) return;
    const [offset, width] = random.pick(Object.values(fields));
    const old = BigInt(record.readUIntLE(offset, width));
    record.writeUIntLE(Number(BigInt.asUintN(8 * width, integerNear(random, old))), offset, width);
  });
}

/** The archive with the data of one member, of those that fit, replaced. */
function withMember(random, bytes, fits, change) {
  const members = readZip(bytes);
  const places = members.flatMap(({ name }, i) => (fits(name) ? [i] : []));
  if (places.length === 0) return editBytes(random, bytes);
  const at = random.pick(places);
  members[at] = { ...members[at], data: change(members[at].data) };
  return writeZip(members);
}

function changedMember(random, bytes) {
  return withMember(
    random,
    bytes,
    () => true,
    (data) => editBytes(random, data),
  );
}

function changedMembers(random, bytes) {
  const rename = (member, all) =>
    random.chance(0.5)
      ? { ...member, name: random.pick(all).name }
      : { ...member, data: random.pick(all).data };
  return writeZip(editList(random, readZip(bytes), rename));
}

function changedPickle(random, bytes) {
  return withMember(
    random,
    bytes,
    (name) => name.endsWith('.pkl'),
    (data) =>
      writePickle(
        editList(random, readPickle(data), (operation, all) => changedOperation(random, operation, all)),
      ),
  );
}

function changedOperation(random, operation, all) {
  const bounds = operandBounds(operation);
  if (bounds !== undefined) {
    const [low, high] = bounds;
    const value = integerNear(random, operation.value);
    return { ...operation, value: value < low || value > high ? high : value };
  }
  if (operation.kind === 'bare') return { ...operation, code: random.pick(BARE_CODES) };
  if (operation.kind === 'f64')
    return { ...operation, value: random.pick([0, -1, 0.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY]) };
  const alike = all.filter(({ kind }) => kind === operation.kind);
  return { ...operation, value: random.pick(alike).value };
}

function changedText(random, bytes) {
  return withMember(
    random,
    bytes,
    (name) => name.endsWith('.py'),
    (data) => Buffer.from(editText(random, data.toString('latin1')), 'latin1'),
  );
}

const TOKEN = /[A-Za-z_][\w.]*|\d[\w.]*|"[^"\n]*"|[^\w\s]|\s+/g;

/** By lines (statements), by tokens of any kind, or, mostly, by names and numbers, which leaves a text that parses. */
function editText(random, text) {
  const way = random.uniform();
  if (way < 0.25) {
    const lines = text.split('\n');
    return editList(random, lines, (line, all) => lineLike(random, line, all)).join('\n');
  }
  const tokens = text.match(TOKEN) ?? [];
  if (way < 0.35) return editList(random, tokens, (token, all) => tokenLike(random, token, all)).join('');
  const places = tokens.flatMap((token, i) => (/^[\w"]/.test(token) && !SYNTAX.has(token) ? [i] : []));
  for (let n = random.integer(1, 3); n > 0 && places.length > 0; n--) {
    const at = random.pick(places);
    tokens[at] = tokenLike(random, tokens[at], tokens);
  }
  return tokens.join('');
}

/** Another line at the indentation of this one. */
function lineLike(random, line, all) {
  const indent = /^ */.exec(line)[0];
  return indent + random.pick(all).trimStart();
}

const KINDS_OF_TOKENS = [/^[A-Za-z_]/, /^"/, /^\d/, /^\s/, /^./];
const KEYWORDS = [
  'if',
  'while',
  'for',
  'return',
  'None',
  'True',
  'self',
  'pass',
  'break',
  'not',
  'in',
  'del',
];
/** Words that the other places of a statement hang on. */
const SYNTAX = new Set(['class', 'def', 'if', 'else', 'while', 'for', 'in', 'return', 'Module']);
const FLOATS = ['0.', '-1.', '1e30', '0.5', '1e-40', '1e400'];

function tokenLike(random, token, all) {
  if (/^\d+$/.test(token)) return String(integerNear(random, BigInt(token)));
  if (/^\d/.test(token)) return random.pick(FLOATS);
  if (/^(torch|ops)\./.test(token)) {
    const name = random.pick(OPERATORS);
    return name.startsWith('aten.') ? name.replace('aten', 'torch') : `ops.${name}`;
  }
  if (random.chance(0.05)) return random.pick(KEYWORDS);
  const kind = KINDS_OF_TOKENS.find((k) => k.test(token));
  const alike = all.filter((other) => kind.test(other));
  return alike.length > 0 ? random.pick(alike) : token;
}
