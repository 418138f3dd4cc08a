// Parsers of option values that several commands share. Each takes the text of the command line and gives a value, or a usage
// error that says what the option takes.
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { badInput, usageError } from '../base/diagnostic.js';
import { DTYPES, type DType, isDType } from '../base/dtype.js';
import { BUILTIN_TARGETS } from '../chip/builtin.js';
import { loadTarget } from '../chip/load-target.js';
import type { Target } from '../chip/target.js';
import { suggestion } from './nearest.js';

/** `NAME=VALUE` at the last `=`, since names of models may hold one. */
export function splitPair(text: string, option: string): readonly [name: string, value: string] {
  const at = text.lastIndexOf('=');
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw usageError(
    'E2002',
    `${option} ${text}: it takes NAME=VALUE`,
    undefined,
    'NAME may be the 0-based position',
  );
}

/** Parser of an integer within bounds. */
export function integerOption(
  option: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw usageError('E2002', `${option} ${text}: it takes an integer ${range}`);
  };
}

export function numberOption(option: string, min: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value) && value >= min) return value;
    throw usageError('E2002', `${option} ${text}: it takes a number of at least ${min}`);
  };
}

/** Parser of one of a few words. */
export function choiceOption<T extends string>(option: string, names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    throw usageError(
      'E2002',
      `${option} ${text}: there is no such choice`,
      undefined,
      suggestion(text, names),
    );
  };
}

/** Collects the values of an option that may be repeated. */
export function repeated<T>(
  parse: (text: string) => T,
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before = []) => [...before, parse(text)];
}

/** Collects words separated by commas, over all uses of the option. */
export function words(text: string, before: readonly string[] = []): readonly string[] {
  return [
    ...before,
    ...text
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  ];
}

/** One `--input-shape`: the shapes of an input, more than one for buckets. */
export interface ShapeOption {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly dtype?: DType;
}

const SHAPE_HINT = 'as in image=1x3x224x224, 0=1x128:i64, length=scalar:i64, image=1x1x32x256,1x1x32x512';

/** `NAME=1x3x224x224[:TYPE]`, several shapes separated by commas. */
export function parseShape(text: string): ShapeOption {
  const [name, value] = splitPair(text, '--input-shape');
  const [dims = '', type, ...rest] = value.split(':');
  const refuse = (what: string) =>
    usageError('E2002', `--input-shape ${text}: ${what}`, undefined, SHAPE_HINT);
  if (rest.length > 0) throw refuse('there is more than one type');
  if (type !== undefined && !isDType(type)) {
    throw usageError(
      'E2002',
      `--input-shape ${text}: there is no type '${type}'`,
      undefined,
      suggestion(type, Object.keys(DTYPES)),
    );
  }
  const shapes = dims.split(',').map((one) => {
    if (one === 'scalar') return [];
    const numbers = one.split('x').map((dim) => (/^\d+$/.test(dim) ? Number(dim) : Number.NaN));
    if (numbers.every((dim) => Number.isSafeInteger(dim))) return numbers;
    throw refuse(`'${one}' is no shape`);
  });
  return { name, shapes, ...(type !== undefined && isDType(type) && { dtype: type }) };
}

/** A built-in target by name, or the target of a JSON file. */
export function parseTarget(text: string): Target {
  const builtin = BUILTIN_TARGETS.find((t) => t.name === text);
  if (builtin !== undefined) return builtin;
  const names = BUILTIN_TARGETS.map((t) => t.name);
  if (!/[./\\]/.test(text))
    throw usageError(
      'E2003',
      `there is no target ${text}`,
      undefined,
      `${suggestion(text, names)}, or a JSON file`,
    );
  return loadTarget(readJsonFile(text, '--target'), text);
}

/** @throws E3042 where it cannot be read, E3043 where it is no JSON */
export function readJsonFile(path: string, option: string): unknown {
  const bytes = readUserFile(path, option);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw badInput('E3043', `${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`, {
      file: path,
    });
  }
}

/** @throws E3042 */
export function readUserFile(path: string, option: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'an error';
    throw badInput(
      'E3042',
      `the file of ${option} cannot be read (${code})`,
      { file: path },
      'check the path and its permissions',
    );
  }
}

/** The options that choose chip and arithmetic, the same for every command that compiles. */
export function addTargetOptions(command: Command): void {
  command
    .addOption(
      new Option('--target <target>', 'inf1, inf2, or a JSON file that describes a chip').default('inf2'),
    )
    .addOption(
      new Option(
        '--auto-cast <what>',
        'which operators compute in 16 bits: none, matmult (matrix products and convolutions), all',
      )
        .argParser(choiceOption('--auto-cast', ['none', 'matmult', 'all']))
        .default('none'),
    )
    .addOption(
      new Option('--auto-cast-type <type>', 'the 16-bit type: bf16 or fp16')
        .argParser(choiceOption('--auto-cast-type', ['bf16', 'fp16']))
        .default('bf16'),
    )
    .addOption(
      new Option(
        '-O, --optimize <level>',
        'effort from 0 to 3: compile time against the quality of the program',
      )
        .argParser(integerOption('-O', 0, 3))
        .default(2),
    );
}
