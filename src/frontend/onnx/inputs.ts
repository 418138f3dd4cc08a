// Types of the model's inputs: what the file declares, completed by what the user gives. Symbols that one input's shape
// binds are bound in all of them. A batch dim left open becomes 1; any other open dim is a usage error that names it.
import { type Diagnostic, type NeffcError, unsupported, usageError, warning } from '../../base/diagnostic.js';
import type { DType } from '../../base/dtype.js';
import { shapeText } from '../../base/tensor.js';
import { type Dim, symbol } from '../../ir/dim.js';
import { type TensorType, tensorType } from '../../ir/type.js';
import { evaluateExpression, solveExpression, symbolsOf } from './dim-expressions.js';
import type { OnnxDim, OnnxTensorType, OnnxType, OnnxValueInfo } from './proto/model.js';

/** What the user says of a tensor input. */
export interface GivenTensor {
  readonly shape: readonly number[];
  readonly dtype?: DType;
}
/** Of a sequence: its elements. Of an optional: its element, or that there is none. */
export type GivenInput = GivenTensor | { readonly elements: readonly GivenTensor[] } | 'absent';
/** Under the names of inputs or their 0-based positions. */
export type GivenInputs = ReadonlyMap<string, GivenInput>;

export interface InputOptions {
  readonly file: string;
  readonly given: GivenInputs;
  /** Leave open dims symbolic instead of refusing them. */
  readonly keepSymbolic: boolean;
}

export type InputForm =
  | { readonly kind: 'tensor'; readonly type: TensorType }
  | { readonly kind: 'sequence'; readonly elements: readonly TensorType[] }
  | { readonly kind: 'optional'; readonly element: InputForm | undefined };

export interface InputType {
  readonly name: string;
  readonly form: InputForm;
}

interface Declared {
  readonly name: string;
  readonly position: number;
  readonly type: OnnxTensorType;
  readonly given: GivenTensor | undefined;
}

/**
 * The types of the inputs, in order. @throws NeffcError E2010 (no such input), E2011 (shape against the declared one),
 * E2012 (element type against the declared one), E2013 (open dims), E4006 (a sequence or optional that nothing is said of)
 */
export function bindInputs(
  inputs: readonly OnnxValueInfo[],
  options: InputOptions,
): { readonly types: readonly InputType[]; readonly diagnostics: readonly Diagnostic[] } {
  const given = byName(inputs, options);
  const declared = inputs.flatMap((input, position) => {
    const type = tensorTypeOf(input.type);
    const own = given.get(input.name);
    const shape = own !== undefined && own !== 'absent' && 'shape' in own ? own : undefined;
    return type === undefined ? [] : [{ name: input.name, position, type, given: shape }];
  });
  for (const input of declared) checkGiven(input, options.file);
  const symbols = boundSymbols(declared);
  const diagnostics: Diagnostic[] = [];
  if (!options.keepSymbolic) bindBatch(declared, symbols, options.file, diagnostics);
  const tensors = new Map(declared.map((input) => [input.name, input]));
  const types = inputs.map(({ name, type }): InputType => {
    const tensor = tensors.get(name);
    const form: InputForm =
      tensor === undefined
        ? collectionForm(name, type, given.get(name), options.file)
        : { kind: 'tensor', type: resolve(tensor, symbols, options) };
    return { name, form };
  });
  return { types, diagnostics };
}

const UNTYPED: OnnxTensorType = { kind: 'tensor', dtype: undefined, dims: undefined };

/** Undefined for sequences, optionals and what else is no tensor. */
function tensorTypeOf(type: OnnxType | undefined): OnnxTensorType | undefined {
  if (type === undefined) return UNTYPED;
  return type.kind === 'tensor' ? type : undefined;
}

function collectionForm(
  name: string,
  type: OnnxType | undefined,
  given: GivenInput | undefined,
  file: string,
): InputForm {
  const typed = (element: OnnxType | undefined, { shape, dtype }: GivenTensor) =>
    tensorType(dtype ?? (element?.kind === 'tensor' ? element.dtype : undefined) ?? 'f32', shape);
  if (type?.kind === 'tensor' && given !== undefined && given !== 'absent' && 'shape' in given)
    return { kind: 'tensor', type: typed(type, given) };
  if (type?.kind === 'sequence' && given !== undefined && given !== 'absent' && 'elements' in given)
    return { kind: 'sequence', elements: given.elements.map((element) => typed(type.element, element)) };
  if (type?.kind === 'optional' && given !== undefined)
    return {
      kind: 'optional',
      element: given === 'absent' ? undefined : collectionForm(name, type.element, given, file),
    };
  throw unsupported(
    'E4006',
    `input '${name}' is of kind ${type?.kind ?? 'tensor'}; its length or presence is not known`,
    { file },
    'Export the model with tensors as inputs.',
  );
}

function byName(
  inputs: readonly OnnxValueInfo[],
  { file, given }: InputOptions,
): ReadonlyMap<string, GivenInput> {
  const names = inputs.map((input) => input.name);
  const found = new Map<string, GivenInput>();
  for (const [key, value] of given) {
    const name = names.includes(key) ? key : /^\d+$/.test(key) ? names[Number(key)] : undefined;
    if (name === undefined) {
      throw usageError(
        'E2010',
        `the model has no input '${key}'`,
        { file },
        names.length === 0
          ? 'It has no inputs.'
          : `Its inputs are ${names.map((n, i) => `${i}: ${n}`).join(', ')}.`,
      );
    }
    found.set(name, value);
  }
  return found;
}

function dimsText(dims: readonly OnnxDim[]): string {
  return dims.length === 0 ? 'scalar' : dims.map((d) => d ?? '?').join('x');
}

function checkGiven({ name, type, given }: Declared, file: string): void {
  if (given === undefined) return;
  const { dims } = type;
  const differs =
    dims !== undefined &&
    (dims.length !== given.shape.length ||
      dims.some((d, i) => typeof d === 'number' && d !== given.shape[i]));
  if (differs) {
    throw usageError(
      'E2011',
      `--input-shape gives ${shapeText(given.shape)} for input '${name}', and the model declares ${dimsText(dims)}`,
      { file },
      'Dims that the model fixes cannot be changed; give the same, or export the model with dynamic axes.',
    );
  }
  if (given.dtype !== undefined && type.dtype !== undefined && given.dtype !== type.dtype) {
    throw usageError(
      'E2012',
      `--input-shape gives the type ${given.dtype} for input '${name}', and the model declares ${type.dtype}`,
      { file },
      `Leave the type out, or write ${type.dtype}.`,
    );
  }
}

/** Values of the symbols that the shapes given imply. */
function boundSymbols(declared: readonly Declared[]): Map<string, number> {
  const symbols = new Map<string, number>();
  const pairs = declared.flatMap(({ type, given }) =>
    (type.dims ?? []).flatMap((d, i) => {
      const value = given?.shape[i];
      return typeof d === 'string' && value !== undefined ? [[d, value] as const] : [];
    }),
  );
  // Each round may solve an expression with what the last one found.
  for (let before = -1; before !== symbols.size; ) {
    before = symbols.size;
    for (const [text, value] of pairs) {
      const solved = solveExpression(text, value, symbols);
      if (solved !== undefined && !symbols.has(solved[0])) symbols.set(...solved);
    }
  }
  return symbols;
}

/** Symbols that are the first axis of inputs and nothing else become 1, with a warning. */
function bindBatch(
  declared: readonly Declared[],
  symbols: Map<string, number>,
  file: string,
  diagnostics: Diagnostic[],
): void {
  const elsewhere = new Set<string>();
  const first = new Map<string, string[]>();
  for (const { name, type, given } of declared) {
    if (given !== undefined) continue;
    (type.dims ?? []).forEach((d, axis) => {
      if (d === undefined && axis === 0) diagnostics.push(batchWarning('', [name], file));
      if (typeof d !== 'string' || evaluateExpression(d, symbols) !== undefined) return;
      if (axis === 0 && symbolsOf(d)[0] === d) first.set(d, [...(first.get(d) ?? []), name]);
      else for (const s of symbolsOf(d)) elsewhere.add(s);
    });
  }
  for (const [name, users] of first) {
    if (elsewhere.has(name)) continue;
    symbols.set(name, 1);
    diagnostics.push(batchWarning(` '${name}'`, users, file));
  }
}

function batchWarning(dim: string, inputs: readonly string[], file: string): Diagnostic {
  const names = inputs.map((input) => `'${input}'`).join(', ');
  return warning(
    'W2001',
    `the batch dim${dim} of input ${names} is left open and becomes 1`,
    { file },
    `Give it with --input-shape ${inputs[0]}=...`,
  );
}

function resolve(
  { name, position, type, given }: Declared,
  symbols: ReadonlyMap<string, number>,
  options: InputOptions,
): TensorType {
  const dtype = given?.dtype ?? type.dtype ?? 'f32';
  if (given !== undefined) return tensorType(dtype, given.shape);
  const { dims } = type;
  if (dims === undefined) throw openDims(name, 'its shape', options.file);
  const open: string[] = [];
  const shape = dims.map((d, axis): Dim => {
    if (typeof d === 'number') return d;
    const value =
      d === undefined
        ? axis === 0 && !options.keepSymbolic
          ? 1
          : undefined
        : evaluateExpression(d, symbols);
    if (value !== undefined) return value;
    open.push(d === undefined ? `dim ${axis}` : `dim ${axis} ('${d}')`);
    return symbol(d === undefined ? `input${position}.${axis}` : d.replaceAll(/[^\w.]/g, '_'));
  });
  if (open.length > 0 && !options.keepSymbolic) throw openDims(name, open.join(' and '), options.file, dims);
  return tensorType(dtype, shape);
}

function openDims(name: string, what: string, file: string, dims?: readonly OnnxDim[]): NeffcError {
  const example =
    dims === undefined ? '1x...' : dims.map((d) => (typeof d === 'number' ? d : '<n>')).join('x');
  return usageError(
    'E2013',
    `input '${name}': ${what} is left open by the model`,
    { file },
    `Give the shape with --input-shape ${name}=${example}`,
  );
}
