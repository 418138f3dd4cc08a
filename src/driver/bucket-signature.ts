// How the signatures and host programs of buckets become those of the model. Weights in common are the backend's matter.
import type { DimName, HostProgram } from '../artifact/host-program.js';
import type { Bucket, Dim, InputPort, OutputPort, TensorPlace } from '../artifact/signature.js';

/** Behind the names of a bucket's executables and segments. */
export const bucketSuffix = (bucket: string): string => (bucket === '' ? '' : `@${bucket}`);

/** What one bucket is to the host. */
export interface BucketParts {
  readonly name: string;
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly OutputPort[];
  readonly program: HostProgram;
}

export interface JoinedBuckets {
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly OutputPort[];
  readonly buckets: readonly Bucket[];
  readonly program: HostProgram;
}

/** The only bucket as it is; of several the ports with their differing dims named, and a program that picks. */
export function joinBuckets(parts: readonly BucketParts[]): JoinedBuckets {
  const [first] = parts;
  if (first === undefined || parts.length === 1) {
    const none: HostProgram = { tensors: [], steps: [] };
    const { inputs = [], outputs = [], program = none } = first ?? {};
    return { inputs, outputs, buckets: [], program };
  }
  const names = new Map<string, string>();
  const by: DimName[] = [];
  const inputs = first.inputs.map(({ variable: _, ...port }, i): InputPort => {
    const shapes = parts.map((p) => p.inputs[i]?.shape ?? []);
    return { ...port, shape: namedDims(port, shapes, names, (axis) => by.push({ input: port.name, axis })) };
  });
  const outputs = first.outputs.map(({ variable: _, crop: __, ...port }, i): OutputPort => {
    const shapes = parts.map((p) => p.outputs[i]?.shape ?? []);
    return { ...port, shape: namedDims(port, shapes, names) };
  });
  const cases = parts.map(({ name, program }) => ({ bucket: name, ...program }));
  return {
    inputs,
    outputs,
    buckets: parts.map(({ name, inputs: own, outputs: made }) => ({ name, inputs: own, outputs: made })),
    program: { tensors: [], steps: [{ op: 'pick', by, cases }] },
  };
}

/** The dims of a port, those that differ between buckets by name; dims that go through the same sizes have the same name. */
function namedDims(
  { name, shape }: TensorPlace,
  shapes: readonly (readonly Dim[])[],
  names: Map<string, string>,
  onDim: (axis: number) => void = () => undefined,
): Dim[] {
  return shape.map((dim, axis): Dim => {
    const sizes = shapes.map((s) => s[axis]);
    if (sizes.every((size) => size === dim)) return dim;
    onDim(axis);
    const known = names.get(sizes.join()) ?? `${name}[${axis}]`;
    names.set(sizes.join(), known);
    return known;
  });
}
