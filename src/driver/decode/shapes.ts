// Dims of declared inputs as numbers, from what the command line gives and from symbols: the inputs of an encoder at the
// shapes asked for, and the inputs of a decoder at a number of tokens.
import { type Diagnostic, usageError } from '../../base/diagnostic.js';
import { evaluateExpression, solveExpression } from '../../frontend/onnx/dim-expressions.js';
import { bindInputs } from '../../frontend/onnx/inputs.js';
import { staticShape } from '../../ir/type.js';
import type { DeclaredDim, Port, ShapedType, ShapesByName } from './request.js';

export interface BoundInputs {
  readonly types: ReadonlyMap<string, ShapedType>;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The types of a model's inputs. A batch dim left open becomes `batch`, where that is given.
 * @throws E2010 to E2013 as for any model, E2211 where --batch contradicts a shape
 */
export function bindPorts(
  ports: readonly Port[],
  given: ShapesByName,
  file: string,
  batch: number | undefined,
): BoundInputs {
  if (batch !== undefined) checkBatch(ports, given, file, batch);
  const infos = ports.map(({ name, dtype, dims }) => ({
    name,
    type: {
      kind: 'tensor' as const,
      dtype,
      dims: batch === undefined ? dims : withBatch(dims, ports, batch),
    },
  }));
  const { types, diagnostics } = bindInputs(infos, { file, given, keepSymbolic: false });
  const bound = new Map(
    types.flatMap(({ name, form }) =>
      form.kind === 'tensor'
        ? [[name, { dtype: form.type.dtype, shape: staticShape(form.type) ?? [] }] as const]
        : [],
    ),
  );
  return { types: bound, diagnostics };
}

function checkBatch(ports: readonly Port[], given: ShapesByName, file: string, batch: number): void {
  const [port] = ports;
  const declared = port?.dims?.[0];
  const own =
    given.get(port?.name ?? '')?.shape[0] ??
    given.get('0')?.shape[0] ??
    (typeof declared === 'number' ? declared : batch);
  if (own === batch) return;
  throw usageError(
    'E2211',
    `--batch ${batch}: the first dim of input '${port?.name}' is ${own}`,
    { file },
    'Give the same batch in --input-shape, or leave --batch out.',
  );
}

/** The first dim of the first input is the batch, and so is every dim of the same symbol. */
function withBatch(dims: Port['dims'], ports: readonly Port[], batch: number): Port['dims'] {
  const symbol = ports[0]?.dims?.[0];
  return dims?.map((d, axis) =>
    (axis === 0 && d === undefined) || (typeof d === 'string' && d === symbol) ? batch : d,
  );
}

/** Values of symbols, learned from shapes that are known. */
export class Symbols {
  readonly values = new Map<string, number>();

  learn(dims: Port['dims'], shape: readonly number[]): void {
    for (const [i, d] of (dims ?? []).entries()) {
      const size = shape[i];
      if (typeof d !== 'string' || size === undefined) continue;
      const solved = solveExpression(d, size, this.values);
      if (solved !== undefined) this.values.set(...solved);
      else if (!this.values.has(d)) this.values.set(d, size);
    }
  }

  /** The dim as a number; undefined where a symbol in it is not known. */
  value(d: DeclaredDim): number | undefined {
    return typeof d === 'string' ? evaluateExpression(d, this.values) : d;
  }
}
