// The pickle operations of protocols 2 to 4 that PyTorch's writers and Python's C pickler emit, one row each.
// An operation only moves plain data; calling a class goes through the closed list of classes.ts.

import { callClass, namedClass } from './classes.js';
import {
  type Machine,
  malformed,
  overLimit,
  PICKLE_LIMITS,
  pop,
  popToMark,
  type StackValue,
  take,
  takeLength,
  takeLine,
  takeText,
  top,
} from './machine.js';
import { type DictKey, FALSE, NONE, type TorchTensor, TRUE } from './value.js';

type Operation = (m: Machine) => void;

/** Small integers are one object each: debug tables hold hundreds of thousands. */
const SMALL_INTS: readonly StackValue[] = Array.from({ length: 256 }, (_, n) => ({
  kind: 'int',
  value: BigInt(n),
}));

function int(value: number): StackValue {
  return value >= 0 && value < 256 ? SMALL_INTS[value]! : { kind: 'int', value: BigInt(value) };
}

function pushes(make: (m: Machine) => StackValue): Operation {
  return (m) => {
    m.stack.push(make(m));
  };
}

function text(width: 1 | 4 | 8): Operation {
  return pushes((m) => ({ kind: 'string', value: takeText(m, takeLength(m, width)) }));
}

function rawBytes(width: 1 | 4 | 8): Operation {
  return pushes((m) => {
    const length = takeLength(m, width);
    const at = take(m, length);
    return { kind: 'bytes', value: m.bytes.subarray(at, at + length) };
  });
}

/** Little-endian two's complement of any length. */
function long(m: Machine, length: number): StackValue {
  if (length > PICKLE_LIMITS.long) throw overLimit(m, `an integer of ${length} bytes`, PICKLE_LIMITS.long);
  const at = take(m, length);
  let value = 0n;
  for (let i = 0; i < length; i++) value |= BigInt(m.bytes[at + i]!) << BigInt(8 * i);
  return { kind: 'int', value: BigInt.asIntN(8 * length, value) };
}

function tuple(size: number): Operation {
  return (m) => {
    const items: StackValue[] = [];
    for (let i = 0; i < size; i++) items.push(pop(m));
    m.stack.push({ kind: 'tuple', items: items.reverse() });
  };
}

function memoize(m: Machine, index: number): void {
  m.memo.set(index, top(m));
}

function recall(m: Machine, index: number): void {
  const value = m.memo.get(index);
  if (value === undefined) throw malformed(m, `memo entry ${index} was never set`);
  m.stack.push(value);
}

function append(m: Machine, target: StackValue, items: readonly StackValue[]): void {
  if (target.kind !== 'list' && target.kind !== 'set')
    throw malformed(m, `items are added to a ${target.kind}`);
  for (const item of items) target.items.push(item);
}

/** The value as a key of a dict. */
export function dictKey(m: Machine, key: StackValue): DictKey {
  switch (key.kind) {
    case 'string':
    case 'int':
    case 'bool':
    case 'float':
      return key.value;
    case 'tensor':
      return key satisfies TorchTensor;
    default:
      throw malformed(m, `a ${key.kind} is the key of a dict`);
  }
}

function setItems(m: Machine, target: StackValue, items: readonly StackValue[]): void {
  if (target.kind !== 'dict') throw malformed(m, `entries are set on a ${target.kind}`);
  if (items.length % 2 !== 0) throw malformed(m, 'a key of a dict has no value');
  for (let i = 0; i < items.length; i += 2) target.entries.set(dictKey(m, items[i]!), items[i + 1]!);
}

function persistent(m: Machine): StackValue {
  const id = pop(m);
  const bad = () => malformed(m, 'a persistent id is not ("storage", type, key, device, count)');
  if (id.kind !== 'tuple' || id.items.length < 5) throw bad();
  const [tag, type, key, device, count] = id.items;
  if (tag?.kind !== 'string' || tag.value !== 'storage' || type?.kind !== 'class') throw bad();
  if (key?.kind !== 'string' || device?.kind !== 'string' || count?.kind !== 'int') throw bad();
  const scalar = /^torch\.(\w+)Storage$/.exec(type.name)?.[1];
  const elements = Number(count.value);
  if (scalar === undefined || !Number.isSafeInteger(elements) || elements < 0) throw bad();
  return { kind: 'storage', storage: m.source.storage(scalar, key.value, device.value, elements) };
}

function newObject(m: Machine): void {
  const args = pop(m);
  const type = pop(m);
  if (type.kind !== 'class' || args.kind !== 'tuple') throw malformed(m, 'an object is made of no class');
  if (!type.name.startsWith('__torch__.')) {
    m.stack.push(callClass(m, type, args.items));
    return;
  }
  if (args.items.length !== 0) throw malformed(m, `an object of class ${type.name} is made with arguments`);
  m.stack.push({ kind: 'object', class: type.name, state: NONE, attributes: new Map() });
}

function build(m: Machine): void {
  const state = pop(m);
  const target = top(m);
  if (target.kind !== 'object') {
    // Python sets attributes on an OrderedDict or a Parameter this way; they carry no numbers.
    if (target.kind === 'dict' || target.kind === 'tensor') return;
    throw malformed(m, `a state is given to a ${target.kind}`);
  }
  if (target.state !== NONE) throw malformed(m, `an object of class ${target.class} gets a state twice`);
  target.state = state;
}

function reduce(m: Machine): void {
  const args = pop(m);
  const type = pop(m);
  if (type.kind !== 'class') throw malformed(m, `a ${type.kind} is called`);
  // TorchScript writes an enum as class, bare value, REDUCE.
  m.stack.push(callClass(m, type, args.kind === 'tuple' ? args.items : [args]));
}

function stackGlobal(m: Machine): StackValue {
  const name = pop(m);
  const module = pop(m);
  if (name.kind !== 'string' || module.kind !== 'string')
    throw malformed(m, 'a class is named by no strings');
  return namedClass(m, module.value, name.value);
}

export const STOP = 0x2e;
export const PROTO = 0x80;

/** By opcode byte. STOP and PROTO belong to the loop in pickle.ts. */
export const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x28, (m) => void m.marks.push(m.stack.length)], // MARK
  [0x30, (m) => void pop(m)], // POP
  [0x31, (m) => void popToMark(m)], // POP_MARK
  [0x32, pushes(top)], // DUP
  [0x4e, pushes(() => NONE)], // NONE
  [0x88, pushes(() => TRUE)], // NEWTRUE
  [0x89, pushes(() => FALSE)], // NEWFALSE
  [0x4b, pushes((m) => int(m.view.getUint8(take(m, 1))))], // BININT1
  [0x4d, pushes((m) => int(m.view.getUint16(take(m, 2), true)))], // BININT2
  [0x4a, pushes((m) => int(m.view.getInt32(take(m, 4), true)))], // BININT
  [0x8a, pushes((m) => long(m, takeLength(m, 1)))], // LONG1
  [0x8b, pushes((m) => long(m, takeLength(m, 4)))], // LONG4
  [0x47, pushes((m) => ({ kind: 'float', value: m.view.getFloat64(take(m, 8)) }))], // BINFLOAT, big-endian
  [0x8c, text(1)], // SHORT_BINUNICODE
  [0x58, text(4)], // BINUNICODE
  [0x8d, text(8)], // BINUNICODE8
  [0x55, text(1)], // SHORT_BINSTRING (Python 2's str)
  [0x54, text(4)], // BINSTRING
  [0x43, rawBytes(1)], // SHORT_BINBYTES
  [0x42, rawBytes(4)], // BINBYTES
  [0x8e, rawBytes(8)], // BINBYTES8
  [0x29, tuple(0)], // EMPTY_TUPLE
  [0x85, tuple(1)], // TUPLE1
  [0x86, tuple(2)], // TUPLE2
  [0x87, tuple(3)], // TUPLE3
  [0x74, pushes((m) => ({ kind: 'tuple', items: popToMark(m) }))], // TUPLE
  [0x5d, pushes(() => ({ kind: 'list', items: [] }))], // EMPTY_LIST
  [0x6c, pushes((m) => ({ kind: 'list', items: popToMark(m) }))], // LIST
  [0x61, (m) => ((item) => append(m, top(m), [item]))(pop(m))], // APPEND
  [0x65, (m) => ((items) => append(m, top(m), items))(popToMark(m))], // APPENDS
  [0x8f, pushes(() => ({ kind: 'set', items: [] }))], // EMPTY_SET
  [0x90, (m) => ((items) => append(m, top(m), items))(popToMark(m))], // ADDITEMS
  [0x7d, pushes(() => ({ kind: 'dict', entries: new Map() }))], // EMPTY_DICT
  [
    0x64, // DICT
    (m) => {
      const items = popToMark(m);
      const dict: StackValue = { kind: 'dict', entries: new Map() };
      setItems(m, dict, items);
      m.stack.push(dict);
    },
  ],
  [0x75, (m) => ((items) => setItems(m, top(m), items))(popToMark(m))], // SETITEMS
  [
    0x73, // SETITEM
    (m) => {
      const value = pop(m);
      const key = pop(m);
      setItems(m, top(m), [key, value]);
    },
  ],
  [0x71, (m) => memoize(m, m.view.getUint8(take(m, 1)))], // BINPUT
  [0x72, (m) => memoize(m, m.view.getUint32(take(m, 4), true))], // LONG_BINPUT
  [0x94, (m) => memoize(m, m.memo.size)], // MEMOIZE
  [0x68, (m) => recall(m, m.view.getUint8(take(m, 1)))], // BINGET
  [0x6a, (m) => recall(m, m.view.getUint32(take(m, 4), true))], // LONG_BINGET
  [
    0x63, // GLOBAL
    pushes((m) => {
      const module = takeLine(m);
      return namedClass(m, module, takeLine(m));
    }),
  ],
  [0x93, pushes(stackGlobal)], // STACK_GLOBAL
  [0x51, pushes(persistent)], // BINPERSID
  [0x81, newObject], // NEWOBJ
  [0x62, build], // BUILD
  [0x52, reduce], // REDUCE
  [0x95, (m) => void take(m, 8)], // FRAME: a hint on buffering
]);
