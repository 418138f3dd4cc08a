// Text to instructions and DMA descriptors: the inverse of disassemble.ts. `;` starts a comment, empty lines are skipped.
// Numbers are not judged here: encode() and validity.ts do that.
import { badInput } from '../base/diagnostic.js';
import { defaultText } from './disassemble.js';
import { bindableFields, FIELDS, type Field } from './fields.js';
import type { Binding, DmaDescriptor, DmaIndirect, DmaSide, DmaSpace, Wait } from './operands.js';
import type { Instruction, Mnemonic } from './table.js';
import { MNEMONICS } from './table.js';
import { FORMATS, parseDims, parseInteger, TextError } from './text.js';

/** Parses each line that has text; E3210 with the line's number where one cannot be read. */
function eachLine<T>(text: string, parse: (words: string[]) => T): T[] {
  const parsed: T[] = [];
  for (const [i, raw] of text.split('\n').entries()) {
    const words = raw.replace(/;.*/, '').trim().split(/\s+/);
    if (words[0] === '') continue;
    try {
      parsed.push(parse(words));
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      throw badInput('E3210', `assembly line ${i + 1}: ${error.message}`, { line: i + 1 });
    }
  }
  return parsed;
}

interface Envelope {
  waits: Wait[];
  increment: number;
  bindings: Binding[];
}

function parseWait(text: string): Wait {
  const [semaphore = '', value = '', ...more] = text.split('>=');
  if (more.length > 0) throw new TextError(`${text} is no wait like 5>=12`);
  return { semaphore: parseInteger(semaphore), value: parseInteger(value) };
}

function parseBinding(m: Mnemonic, text: string): Binding {
  const match = /^([\w.]+)=r(\d+)$/.exec(text);
  const [, field = '', reg = ''] = match ?? [];
  if (match === null) throw new TextError(`${text} is no binding like dst.base=r3`);
  if (!bindableFields(m).includes(field)) throw new TextError(`${m} has no bindable field ${field}`);
  return { field, reg: Number(reg) };
}

/** Takes `wait X`, `inc X` and `bind X` out of the words. */
function takeEnvelope(m: Mnemonic, words: string[]): { envelope: Envelope; rest: string[] } {
  const envelope: Envelope = { waits: [], increment: -1, bindings: [] };
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (!['wait', 'inc', 'bind'].includes(word)) {
      rest.push(word);
      continue;
    }
    const value = words[++i] ?? '';
    if (word === 'wait') envelope.waits = value.split(',').map(parseWait);
    else if (word === 'inc') envelope.increment = parseInteger(value);
    else envelope.bindings = value.split(',').map((b) => parseBinding(m, b));
  }
  return { envelope, rest };
}

/** `name=value` and bare flags as a map; a name may come once. */
function namedWords(words: readonly string[]): Map<string, string> {
  const named = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    if (named.has(name)) throw new TextError(`${name} is given twice`);
    named.set(name, at < 0 ? '' : word.slice(at + 1));
  }
  return named;
}

function take(named: Map<string, string>, name: string): string | undefined {
  const text = named.get(name);
  named.delete(name);
  return text;
}

function parseField(m: Mnemonic, field: Field, named: Map<string, string>): unknown {
  const given = take(named, field.name);
  if (field.kind === 'flag') {
    if (given !== undefined && given !== '')
      throw new TextError(`${field.name} is a flag and takes no value`);
    return given !== undefined;
  }
  const text = given ?? defaultText(field);
  if (text === undefined) throw new TextError(`${m} needs ${field.name}`);
  return FORMATS[field.kind].parse(text);
}

function refuseOthers(named: Map<string, string>, what: string): void {
  for (const name of named.keys()) throw new TextError(`${what} has no field ${name}`);
}

function parseInstruction([mnemonic = '', ...words]: string[]): Instruction {
  const m = MNEMONICS.find((known) => known === mnemonic);
  if (m === undefined) throw new TextError(`there is no instruction ${mnemonic}`);
  const { envelope, rest } = takeEnvelope(m, words);
  const named = namedWords(rest);
  const fields = Object.fromEntries(FIELDS[m].map((f) => [f.name, parseField(m, f, named)]));
  refuseOthers(named, m);
  return { m, ...envelope, ...fields } as unknown as Instruction;
}

/**
 * The instructions of a text of one instruction a line.
 * @throws E3210 with the line that cannot be read
 */
export function assemble(text: string): Instruction[] {
  return eachLine(text, parseInstruction);
}

interface DmaPlace {
  readonly space: DmaSpace;
  readonly variable: number;
  readonly partition: number;
  readonly offset: number;
}

/** `dram:7+0x100`, `sbuf@3+0x200`, and what follows. */
function parsePlace(text: string): { place: DmaPlace; rest: string } {
  const match = /^(sbuf|psum|dram)(?::(\d+))?(?:@(\d+))?([+-]0x[0-9a-f]+)(.*)$/.exec(text);
  if (match === null) throw new TextError(`${text} is no place like dram:7+0x100 or sbuf@3+0x200`);
  const [, space, variable = '0', partition = '0', offset = '', rest = ''] = match;
  const place = {
    space: space as DmaSpace,
    variable: Number(variable),
    partition: Number(partition),
    offset: parseInteger(offset),
  };
  return { place, rest };
}

function parseSide(text: string): DmaSide {
  const { place, rest } = parsePlace(text);
  const match = /^(?:\+r(\d+))?(?:\{(.+)\})?$/.exec(rest);
  if (match === null) throw new TextError(`${rest} is no register and dims like +r3{8x16:64,4}`);
  const { counts, strides } = parseDims(match[2] ?? '');
  const step = (s: string): number => parseInteger(s.replace(/^p/, ''));
  return {
    ...place,
    partitionDim: strides.findIndex((s) => s.startsWith('p')),
    counts,
    strides: [step(strides[0]), step(strides[1]), step(strides[2]), step(strides[3])],
    reg: match[1] === undefined ? -1 : Number(match[1]),
  };
}

function parseIndirect(named: Map<string, string>): DmaIndirect | undefined {
  const [gather, scatter] = [take(named, 'gather'), take(named, 'scatter')];
  const text = gather ?? scatter;
  if (text === undefined) return undefined;
  const { place, rest } = parsePlace(text);
  if (place.space === 'psum' || rest !== '') throw new TextError(`${text} is no place of row numbers`);
  return {
    side: gather === undefined ? 'dst' : 'src',
    ...place,
    space: place.space,
    bound: parseInteger(take(named, 'bound') ?? ''),
    add: parseInteger(take(named, 'add') ?? '0'),
  };
}

function parseDescriptor([size = '', ...words]: string[]): DmaDescriptor {
  const elementBytes = ([1, 2, 4, 8] as const).find((bytes) => `${bytes}B` === size);
  if (elementBytes === undefined) throw new TextError(`${size} is none of 1B, 2B, 4B, 8B`);
  const named = namedWords(words);
  const sides = {
    elementBytes,
    src: parseSide(take(named, 'src') ?? ''),
    dst: parseSide(take(named, 'dst') ?? ''),
  };
  const indirect = parseIndirect(named);
  refuseOthers(named, 'a descriptor');
  return indirect === undefined ? sides : { ...sides, indirect };
}

/**
 * The descriptors of a text of one descriptor a line.
 * @throws E3210 with the line that cannot be read
 */
export function assembleDescriptors(text: string): DmaDescriptor[] {
  return eachLine(text, parseDescriptor);
}
