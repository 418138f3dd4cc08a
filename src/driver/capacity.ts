// Whether a graph can fit a target at all, before memory is taken to find out: a tensor that is larger than the device will not.
import { doesNotFit } from '../base/diagnostic.js';
import type { Target } from '../chip/target.js';
import type { Graph, Value } from '../ir/graph.js';
import { formatType } from '../ir/type.js';
import { typeBytes } from '../ops/cost.js';

const HINT = 'a smaller batch or input shape (--input-shape) needs less';

/** @throws E5102 where a value, or all inputs and outputs together, take more bytes than the target's DRAM has */
export function requireCapacity({ body }: Graph, { name, dram }: Target): void {
  for (const node of body.nodes)
    for (const v of node.outputs) requireValue(v, name, dram.bytes, node.origins[0]?.node);
  for (const v of body.params) requireValue(v, name, dram.bytes, v.name);
  const ports = [...body.params, ...body.results].reduce((n, v) => n + typeBytes(v.type), 0);
  if (ports <= dram.bytes) return;
  throw doesNotFit(
    'E5102',
    `inputs and outputs take ${ports} bytes; ${name} has ${dram.bytes}`,
    undefined,
    HINT,
  );
}

function requireValue(v: Value, target: string, capacity: number, node: string | undefined): void {
  const bytes = typeBytes(v.type);
  if (bytes <= capacity) return;
  throw doesNotFit(
    'E5102',
    `a tensor ${formatType(v.type)} takes ${bytes} bytes; ${target} has ${capacity}`,
    node === undefined ? undefined : { node },
    HINT,
  );
}
