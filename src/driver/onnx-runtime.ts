// ONNX Runtime as the second opinion of `verify --model`: an optional peer package, used where it is installed. The part of its
// interface that is used is written down here, so that neffc builds without it.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { unsupported } from '../base/diagnostic.js';
import type { DType } from '../base/dtype.js';
import { type HostTensor, makeTensor, stringTensor, typedView } from '../base/tensor.js';

export const RUNTIME_PACKAGE = 'onnxruntime-node';

interface RuntimeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView | readonly string[];
}
interface RuntimeSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, RuntimeTensor>>): Promise<Readonly<Record<string, RuntimeTensor>>>;
}
export interface OnnxRuntime {
  readonly InferenceSession: { create(path: string): Promise<RuntimeSession> };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => RuntimeTensor;
}

const TYPE_NAMES: Partial<Record<DType, string>> = {
  f32: 'float32',
  f64: 'float64',
  f16: 'float16',
  i64: 'int64',
  i32: 'int32',
  i16: 'int16',
  i8: 'int8',
  u64: 'uint64',
  u32: 'uint32',
  u16: 'uint16',
  u8: 'uint8',
  bool: 'bool',
  string: 'string',
  i4: 'int4',
  u4: 'uint4',
};

/** The package, from beside neffc or from the folder named; undefined where it is not installed. */
export async function findOnnxRuntime(folder: string): Promise<OnnxRuntime | undefined> {
  for (const from of [import.meta.url, pathToFileURL(join(folder, 'package.json')).href]) {
    try {
      const path = createRequire(from).resolve(RUNTIME_PACKAGE);
      const loaded = (await import(pathToFileURL(path).href)) as OnnxRuntime & { default?: OnnxRuntime };
      return loaded.default ?? loaded;
    } catch (error) {
      if (!isMissing(error)) throw broken(error);
    }
  }
  return undefined;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND');

function broken(error: unknown) {
  const what = error instanceof Error ? error.message : String(error);
  return unsupported(
    'E4021',
    `${RUNTIME_PACKAGE} is installed, but does not load: ${what}`,
    undefined,
    `install it again: npm install ${RUNTIME_PACKAGE}`,
  );
}

/** @throws E4021 where the package is not installed */
export async function requireOnnxRuntime(folder: string): Promise<OnnxRuntime> {
  const found = await findOnnxRuntime(folder);
  if (found !== undefined) return found;
  throw unsupported(
    'E4021',
    `${RUNTIME_PACKAGE} is not installed, so the source model cannot be run`,
    undefined,
    `npm install ${RUNTIME_PACKAGE}, or --reference interpreter, or --data FOLDER with recorded outputs`,
  );
}

function toRuntime({ Tensor }: OnnxRuntime, t: HostTensor): RuntimeTensor {
  const type = TYPE_NAMES[t.dtype];
  if (type === undefined) throw unsupported('E4022', `${RUNTIME_PACKAGE} takes no tensors of ${t.dtype}`);
  return new Tensor(type, t.dtype === 'string' ? t.strings : typedView(t), t.shape);
}

function fromRuntime(t: RuntimeTensor, name: string): HostTensor {
  const dtype = Object.entries(TYPE_NAMES).find(([, type]) => type === t.type)?.[0] as DType | undefined;
  if (dtype === undefined)
    throw unsupported('E4022', `${RUNTIME_PACKAGE} gives output ${name} as ${t.type}, which is not compared`);
  const { data } = t;
  if (dtype === 'string' || !ArrayBuffer.isView(data))
    return stringTensor([...t.dims], data as readonly string[]);
  return makeTensor(
    dtype,
    [...t.dims],
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
  );
}

/**
 * The outputs of an ONNX model in ONNX Runtime, by name.
 * @throws E4022 where it refuses the model, the inputs or their types
 */
export async function runOnnxRuntime(
  runtime: OnnxRuntime,
  model: string,
  inputs: ReadonlyMap<string, HostTensor>,
): Promise<Map<string, HostTensor>> {
  const feeds = Object.fromEntries([...inputs].map(([name, t]) => [name, toRuntime(runtime, t)]));
  try {
    const session = await runtime.InferenceSession.create(model);
    const results = await session.run(feeds);
    return new Map(
      session.outputNames.flatMap((name) =>
        results[name] === undefined ? [] : [[name, fromRuntime(results[name], name)]],
      ),
    );
  } catch (error) {
    if (error instanceof Error && error.name === 'NeffcError') throw error;
    throw unsupported(
      'E4022',
      `${RUNTIME_PACKAGE} does not run the model: ${error instanceof Error ? error.message : String(error)}`,
      { file: model },
    );
  }
}
