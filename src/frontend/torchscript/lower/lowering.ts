// The state of a lowering and its primitives: making nodes with the origin of the statement at hand, reading and writing
// tensors through their views, constants, casts. Operators (aten/) and the interpreter (this folder) stand on it; it knows
// neither of them.
import {
  type Diagnostic,
  type NeffcError,
  type Place,
  unsupported,
  warning,
} from '../../../base/diagnostic.js';
import { type DType, isFloat } from '../../../base/dtype.js';
import { elementCount, elementReader } from '../../../base/tensor.js';
import { type Attrs, bytesConstant, splatConstant } from '../../../ir/constant.js';
import { constantOf, type Origin, type Value } from '../../../ir/graph.js';
import { rowMajorStrides } from '../../../ir/type.js';
import { GraphBuilder } from '../../../ops/build.js';
import { elementBytesOf } from '../../../ops/elements.js';
import { constantTensor } from '../../../ops/evaluate.js';
import type { ConstantItem, DynamicItem, ScalarType } from './items.js';
import { bool, float, int } from './items.js';
import { type Journal, type Mutable, stateOf } from './journal.js';
import { LOWERING_LIMITS, overLimit } from './limits.js';
import { isContiguous } from './strides.js';
import type { Quantizer, Storage, TensorItem } from './tensor-item.js';
import { shapeOf, type View } from './views.js';

/** A place in the program: the module that is running and the line of the archive's source. */
export interface SourcePlace {
  readonly module: string;
  readonly file: string;
  readonly line: number;
}

/** A Python number among tensors: known, or a value of rank 0. */
export type ScalarArg = ConstantItem | DynamicItem;

/** Thrown to interpret again with another element type for an input whose type was assumed. */
export class AssumedType {
  readonly input: string;
  readonly dtype: DType;
  constructor(input: string, dtype: DType) {
    this.input = input;
    this.dtype = dtype;
  }
}

interface Cached {
  readonly version: number;
  readonly region: number;
  readonly value: Value;
}

export class Lowering {
  builder: GraphBuilder;
  readonly file: string;
  /** File format version of the archive: some operators changed meaning. */
  readonly version: number;
  /** Warnings; errors are thrown. */
  readonly diagnostics: Diagnostic[] = [];
  place: SourcePlace;
  /** Changes since the innermost branch began; undefined outside of branches. */
  journal: Journal | undefined;
  /** Regions open now: a cached view is valid in the region it was taken in, and further inside. */
  private regions: number[] = [0];
  private regionCount = 1;
  private operations = 0;
  private readonly cache = new WeakMap<TensorItem, Cached>();
  private readonly transposed = new WeakMap<Value, Map<string, Value>>();

  constructor(name: string, file: string, version = 10) {
    this.version = version;
    this.builder = new GraphBuilder(name);
    this.file = file;
    this.place = { module: '', file, line: 0 };
  }

  /** Runs `build` with every node and every cached view inside a region of its own. */
  inRegion<T>(build: () => T): T {
    this.regions.push(this.regionCount++);
    try {
      return build();
    } finally {
      this.regions.pop();
    }
  }

  /** Notes the state of something that is about to change. */
  touch(x: Mutable): void {
    if (this.journal !== undefined && !this.journal.has(x)) this.journal.set(x, stateOf(x));
  }

  /** Names the operator in the origin of the nodes made until the next call. */
  startOperator(op: string): void {
    const { module, file, line } = this.place;
    const origin: Origin = { node: module === '' ? 'forward' : module, op, file, line };
    this.builder.origin = [origin];
  }

  where(): Place {
    const { module, file, line } = this.place;
    return { file, line, ...(module !== '' && { node: module }) };
  }

  /** An error to throw where an operator or a use of one is not supported. */
  refuse(code: string, reason: string, hint?: string): NeffcError {
    return unsupported(code, reason, this.where(), hint);
  }

  warn(code: string, message: string, hint?: string): void {
    const known = this.diagnostics.some((d) => d.code === code && d.message === message);
    if (!known) this.diagnostics.push(warning(code, message, this.where(), hint));
  }

  one(op: string, inputs: readonly Value[], attrs: Attrs = {}): Value {
    this.countOperation();
    return this.builder.one(op, inputs, attrs);
  }

  node(op: string, inputs: readonly Value[], attrs: Attrs = {}): readonly Value[] {
    this.countOperation();
    return this.builder.node(op, inputs, attrs);
  }

  private countOperation(): void {
    const limit = LOWERING_LIMITS.operations;
    if (++this.operations > limit) throw overLimit('too many operators', limit, this.where());
  }

  /** E4340 for so many elements of a list or of a tensor made from numbers. */
  checkElements(count: number): void {
    const limit = LOWERING_LIMITS.elements;
    if (count > limit) throw overLimit(`a list or constant of ${count} elements`, limit, this.where());
  }

  /** A tensor of its own memory. */
  fresh(
    value: Value,
    options: { rowMajor?: boolean; quantizer?: Quantizer; source?: string } = {},
  ): TensorItem {
    const { rowMajor = true, quantizer, source } = options;
    const storage: Storage = {
      value,
      version: 0,
      rowMajor,
      rivals: [],
      ...(source !== undefined && { source }),
    };
    const shape = shapeOf(value);
    const strides = rowMajor ? rowMajorStrides(shape) : undefined;
    return {
      kind: 'tensor',
      storage,
      path: [],
      dtype: value.type.dtype,
      shape,
      strides,
      ...(quantizer && { quantizer }),
    };
  }

  /** The current value of a tensor. E4330 where it may have been written through memory that it perhaps shares. */
  value(t: TensorItem): Value {
    if (t.storage.stale !== undefined) throw this.refuse('E4330', t.storage.stale);
    const cached = this.cache.get(t);
    const { version, value } = t.storage;
    if (cached !== undefined && cached.version === version && this.regions.includes(cached.region))
      return cached.value;
    let current = value;
    for (const view of t.path) current = view.take(this.builder, current);
    this.cache.set(t, { version, region: this.regions.at(-1) ?? 0, value: current });
    return current;
  }

  /** A view of a tensor; it shares its memory. */
  view(t: TensorItem, view: View): TensorItem {
    const strides = t.strides && view.strides(t.shape, t.strides);
    const { wrapped, ...rest } = t;
    return { ...rest, path: [...t.path, view], shape: view.shape, strides };
  }

  /**
   * `view` where the elements must be moved unless they lie suitably: where that is not known, the result is a copy whose
   * memory is perhaps the tensor's.
   */
  viewOrCopy(t: TensorItem, view: View): TensorItem {
    if (t.strides !== undefined) {
      if (view.strides(t.shape, t.strides) !== undefined) return this.view(t, view);
      return this.copy(t, view);
    }
    const copy = this.copy(t, view);
    this.rival(copy.storage, t.storage);
    return copy;
  }

  private copy(t: TensorItem, view: View): TensorItem {
    return this.fresh(view.take(this.builder, this.value(t)), {
      ...(t.quantizer && { quantizer: t.quantizer }),
    });
  }

  /** The tensor itself where its elements lie in row-major order, else a copy. */
  contiguous(t: TensorItem): TensorItem {
    const known = isContiguous(t);
    if (known === true) return t;
    const copy = this.fresh(this.value(t), { ...(t.quantizer && { quantizer: t.quantizer }) });
    if (known === undefined) this.rival(copy.storage, t.storage);
    return copy;
  }

  /** Other content for a storage, not written by the program. */
  replace(storage: Storage, value: Value): void {
    storage.value = value;
    storage.version++;
  }

  /** Two storages are perhaps one. */
  rival(a: Storage, b: Storage): void {
    a.rivals = [...a.rivals, b];
    b.rivals = [...b.rivals, a];
  }

  /** An in-place write of a value of the tensor's type and shape. */
  write(t: TensorItem, value: Value): void {
    const { storage, path } = t;
    if (storage.stale !== undefined) throw this.refuse('E4330', storage.stale);
    this.touch(storage);
    const wholes: Value[] = [storage.value];
    for (const view of path.slice(0, -1)) wholes.push(view.take(this.builder, wholes.at(-1) as Value));
    let part = value;
    for (let i = path.length - 1; i >= 0; i--) {
      const put = (path[i] as View).put(this.builder, wholes[i] as Value, part);
      if (put === undefined) {
        throw this.refuse(
          'E4331',
          'a tensor is written in place through an expanded view, whose elements share memory',
        );
      }
      part = put;
    }
    storage.value = part;
    storage.version++;
    if (path.length === 0) this.cache.delete(t);
    for (const rival of storage.rivals) {
      this.touch(rival);
      rival.stale =
        'a tensor is used that was perhaps changed by an in-place write through another one: whether the two share memory depends on their layout';
    }
    if (storage.source !== undefined) {
      this.warn(
        'W4332',
        `the model writes to its own state '${storage.source}', which a compiled model does not keep from one run to the next`,
      );
    }
  }

  /** Numbers of a constant of rank 0 or 1 element. */
  constantScalar(v: Value): ConstantItem | undefined {
    const constant = constantOf(v);
    if (constant === undefined || constant.recipe.kind === 'opaque' || elementCount(constant.shape) !== 1)
      return undefined;
    const value = elementReader(constantTensor(constant))(0);
    if (constant.dtype === 'bool') return bool(Number(value) !== 0) as ConstantItem;
    return (isFloat(constant.dtype) ? float(Number(value)) : int(BigInt(value))) as ConstantItem;
  }

  /** The one element of a tensor as a Python number. */
  scalarOf(v: Value, type?: ScalarType): ScalarArg {
    const known = this.constantScalar(v);
    const dtype = v.type.dtype;
    const own: ScalarType = dtype === 'bool' ? 'bool' : isFloat(dtype) ? 'float' : 'int';
    const wanted = type ?? own;
    if (known !== undefined) return convertScalar(known, wanted);
    const flat = shapeOf(v).length === 0 ? v : this.one('reshape', [v], { shape: [] });
    return { kind: 'dynamic', type: wanted, value: this.cast(flat, DYNAMIC_TYPES[wanted]) };
  }

  /** A Python number as a value of rank 0 of the type. */
  scalarValue(s: ScalarArg, dtype: DType): Value {
    if (s.kind === 'dynamic') return this.cast(s.value, dtype);
    const value = s.kind === 'bool' ? Number(s.value) : s.value;
    return this.builder.scalar(dtype, typeof value === 'bigint' && isFloat(dtype) ? Number(value) : value);
  }

  /** Every element the same. */
  filled(dtype: DType, shape: readonly number[], s: ScalarArg): Value {
    elementCount(shape);
    if (s.kind === 'dynamic') return this.one('broadcast', [this.cast(s.value, dtype)], { shape });
    const value = s.kind === 'bool' ? Number(s.value) : s.value;
    const element = elementBytesOf(
      dtype,
      typeof value === 'bigint' && isFloat(dtype) ? Number(value) : value,
    );
    return shape.length === 0
      ? this.builder.constant(bytesConstant(dtype, [], element))
      : this.builder.constant(splatConstant(dtype, shape, element));
  }

  /** Of another element type. Floats become integers by truncation, and bool by comparison with 0. */
  cast(v: Value, dtype: DType): Value {
    const from = v.type.dtype;
    if (from === dtype) return v;
    if (dtype === 'bool') return this.one('ne', [v, this.builder.scalar(from, 0)]);
    return this.one('cast', [v], { to: dtype, saturate: false });
  }

  reshape(v: Value, shape: readonly number[]): Value {
    return this.one('reshape', [v], { shape });
  }

  /** Of a constant once each: weights are transposed wherever they are used, in every iteration of a loop. */
  transpose(v: Value, perm: readonly number[]): Value {
    if (constantOf(v) === undefined) return this.one('transpose', [v], { perm });
    const key = perm.join();
    const known = this.transposed.get(v) ?? new Map<string, Value>();
    this.transposed.set(v, known);
    const value = known.get(key) ?? this.one('transpose', [v], { perm });
    known.set(key, value);
    return value;
  }

  broadcast(v: Value, shape: readonly number[]): Value {
    return this.one('broadcast', [v], { shape });
  }

  constantF(dtype: DType, value: number): Value {
    return this.builder.scalar(dtype, value);
  }
}

export const DYNAMIC_TYPES: Readonly<Record<ScalarType, DType>> = { bool: 'bool', int: 'i64', float: 'f32' };

export function convertScalar(s: ConstantItem, type: ScalarType): ConstantItem {
  if (s.kind === type) return s;
  if (type === 'bool') return { kind: 'bool', value: Number(s.value) !== 0 };
  if (type === 'float') return { kind: 'float', value: Number(s.value) };
  const n = s.kind === 'float' ? Math.trunc(s.value) : Number(s.value);
  return { kind: 'int', value: Number.isFinite(n) ? BigInt(n) : 0n };
}
