// Arguments of `forward` from the shapes that the user gives: by argument name, or by position among the leaves. Tuples, lists
// and dicts of tensors are flattened in order (`state.0`); what has no shape takes its default, and None where it may.
import { usageError } from '../../../base/diagnostic.js';
import type { DType } from '../../../base/dtype.js';
import { tensorType } from '../../../ir/type.js';
import type { TorchArchive } from '../archive/read.js';
import type { PickleValue } from '../archive/value.js';
import type { FunctionDef, Param, TypeExpr } from '../code/ast.js';
import { type Item, type ItemKey, list, NONE, tuple } from './items.js';
import type { Machine } from './machine.js';

export interface InputShape {
  readonly shape: readonly number[];
  readonly dtype?: DType;
}

/** Shapes by name or by position (in decimal). */
export type InputShapes = ReadonlyMap<string, InputShape>;

export interface BoundInputs {
  readonly args: readonly Item[];
  readonly names: readonly string[];
}

/** Types of Python numbers as inputs of rank 0. */
const NUMBERS: Readonly<Record<string, { type: 'int' | 'float' | 'bool'; dtype: DType }>> = {
  int: { type: 'int', dtype: 'i64' },
  float: { type: 'float', dtype: 'f32' },
  bool: { type: 'bool', dtype: 'bool' },
};

class Binder {
  private readonly m: Machine;
  private readonly shapes: InputShapes;
  private readonly assumed: ReadonlyMap<string, DType>;
  private readonly params: readonly Param[];
  private readonly used = new Set<string>();
  readonly names: string[] = [];
  private position = 0;

  constructor(
    m: Machine,
    params: readonly Param[],
    shapes: InputShapes,
    assumed: ReadonlyMap<string, DType>,
  ) {
    this.m = m;
    this.params = params;
    this.shapes = shapes;
    this.assumed = assumed;
  }

  /** The argument of a parameter. */
  argument(param: Param): Item {
    const type = param.type;
    const fallback = param.default && this.m.evaluate({ variables: new Map(), module: '' }, param.default);
    return this.typed(param.name, type, fallback);
  }

  private typed(name: string, type: TypeExpr | undefined, fallback: Item | undefined): Item {
    const [inner, second] = type?.args ?? [];
    switch (type?.name) {
      case undefined:
      case 'Tensor':
        return this.leaf(name, fallback);
      case 'Optional':
        return this.isGiven(name) || fallback === undefined
          ? this.typed(name, inner, fallback ?? NONE)
          : fallback;
      case 'Tuple':
        if (fallback !== undefined && !this.isGiven(name)) return fallback;
        return tuple((type.args ?? []).map((part, i) => this.typed(`${name}.${i}`, part, undefined)));
      case 'List':
        if (fallback !== undefined && !this.isGiven(name)) return fallback;
        return list(this.keysBelow(name).map((key) => this.typed(`${name}.${key}`, inner, undefined)));
      case 'Dict': {
        if (fallback !== undefined && !this.isGiven(name)) return fallback;
        const entries = this.keysBelow(name).map((key): [ItemKey, Item] => [
          inner?.name === 'int' ? BigInt(key) : key,
          this.typed(`${name}.${key}`, second, undefined),
        ]);
        return { kind: 'dict', entries: new Map(entries) };
      }
      default:
        return this.number(name, type?.name ?? '', fallback);
    }
  }

  /** Whether a shape names the input or a part of it, or stands at its position. */
  private isGiven(name: string): boolean {
    if (this.shapes.has(String(this.position))) return true;
    return [...this.shapes.keys()].some((key) => key === name || key.startsWith(`${name}.`));
  }

  /** Keys of the parts that shapes name, in order; positions where none does. */
  private keysBelow(name: string): string[] {
    const keys = [...this.shapes.keys()]
      .filter((key) => key.startsWith(`${name}.`))
      .map((key) => key.slice(name.length + 1).split('.')[0] ?? '');
    if (keys.length > 0) return [...new Set(keys)];
    const after = this.params.slice(this.params.findIndex((p) => p.name === name) + 1).length;
    const positions = [...this.shapes.keys()].filter(
      (key) => /^\d+$/.test(key) && Number(key) >= this.position,
    ).length;
    return Array.from({ length: Math.max(0, positions - after) }, (_, i) => String(i));
  }

  private take(name: string): InputShape | undefined {
    const key = this.shapes.has(name) ? name : String(this.position);
    const found = this.shapes.get(key);
    if (found !== undefined) {
      this.used.add(key);
      this.position++;
    }
    return found;
  }

  private leaf(name: string, fallback: Item | undefined): Item {
    const given = this.take(name);
    if (given === undefined) {
      if (fallback !== undefined) return fallback;
      throw missingShape(this.m.archive, this.params, name);
    }
    const dtype = given.dtype ?? this.assumed.get(name) ?? 'f32';
    const value = this.m.c.builder.input(name, tensorType(dtype, given.shape));
    this.names.push(name);
    const item = this.m.c.fresh(value);
    return given.dtype === undefined && !this.assumed.has(name) ? { ...item, assumed: name } : item;
  }

  private number(name: string, type: string, fallback: Item | undefined): Item {
    const rule = NUMBERS[type];
    const given = rule === undefined ? undefined : this.take(name);
    if (rule === undefined || given === undefined) {
      if (fallback !== undefined) return fallback;
      if (rule !== undefined) throw missingShape(this.m.archive, this.params, name);
      throw this.m.c.refuse(
        'E4344',
        `argument '${name}' of forward has the type ${type}, which cannot be an input`,
      );
    }
    if (given.shape.length > 0)
      throw usageError(
        'E2023',
        `input '${name}' is a Python ${type}: its shape is 'scalar', not ${given.shape.join('x')}`,
        { file: this.m.archive.file },
      );
    this.names.push(name);
    return {
      kind: 'dynamic',
      type: rule.type,
      value: this.m.c.builder.input(name, tensorType(rule.dtype, [])),
    };
  }

  /** E2022 for a shape that names no input. */
  checkUsed(): void {
    const unknown = [...this.shapes.keys()].find((key) => !this.used.has(key));
    if (unknown === undefined) return;
    throw usageError(
      'E2022',
      `--input-shape names the input '${unknown}', which the model does not have; it has ${describe(this.params)}`,
      { file: this.m.archive.file },
    );
  }
}

/** E2021: says which option is missing and what the arguments are, with the shapes of the example inputs where they are kept. */
function missingShape(archive: TorchArchive, params: readonly Param[], name: string) {
  const example = exampleShape(archive, params, name);
  return usageError(
    'E2021',
    `the shape of input '${name}' is not known; forward takes ${describe(params)}`,
    { file: archive.file },
    example === undefined
      ? `pass --input-shape ${name}=1x3x224x224, with the shape it is to have`
      : `pass --input-shape ${name}=${example}: the model was traced with that shape`,
  );
}

function describe(params: readonly Param[]): string {
  if (params.length === 0) return 'no arguments';
  return params
    .map(
      (p) =>
        `${p.name}: ${p.type === undefined ? 'Tensor' : typeText(p.type)}${p.default === undefined ? '' : ' (optional)'}`,
    )
    .join(', ');
}

function typeText(type: TypeExpr): string {
  return type.args === undefined ? type.name : `${type.name}[${type.args.map(typeText).join(', ')}]`;
}

function exampleShape(archive: TorchArchive, params: readonly Param[], name: string): string | undefined {
  const traced = archive.tracedInputs();
  const args = traced?.kind === 'dict' ? traced.entries.get('forward') : undefined;
  if (args?.kind !== 'list' && args?.kind !== 'tuple') return undefined;
  const [first = '', ...rest] = name.split('.');
  let value: PickleValue | undefined = args.items[params.findIndex((p) => p.name === first)];
  for (const key of rest) {
    if (value?.kind === 'list' || value?.kind === 'tuple') value = value.items[Number(key)];
    else value = value?.kind === 'dict' ? value.entries.get(key) : undefined;
  }
  return value?.kind === 'tensor' ? value.shape.join('x') || 'scalar' : undefined;
}

export function bindInputs(
  m: Machine,
  def: FunctionDef,
  shapes: InputShapes,
  assumed: ReadonlyMap<string, DType>,
): BoundInputs {
  const params = def.params.slice(1);
  const binder = new Binder(m, params, shapes, assumed);
  const args = params.map((param) => binder.argument(param));
  binder.checkUsed();
  return { args, names: binder.names };
}
