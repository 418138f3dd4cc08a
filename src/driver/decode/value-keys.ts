// Equal computations in different graphs of one model: a number for each value, the same where the same operators are applied
// to the same parameters and constants.
import { ConstantKeys } from '../../ir/constant-keys.js';
import { type Graph, producer, type Value } from '../../ir/graph.js';
import { formatType } from '../../ir/type.js';

export class ValueKeys {
  private readonly numbers = new Map<string, number>();
  private readonly constants = new ConstantKeys();

  /** Numbers of these values of a graph (all of them must be needed: the walk is over the whole graph). */
  of(graph: Graph): ReadonlyMap<Value, number> {
    const keys = new Map<Value, number>();
    for (const [i, param] of graph.body.params.entries())
      keys.set(param, this.number(`param ${i} ${formatType(param.type)}`));
    const keyOf = (v: Value): number => {
      const known = keys.get(v);
      if (known !== undefined) return known;
      if (v.def.kind === 'constant') return this.number(`constant ${this.constants.of(v.def.constant)}`);
      return this.number(`value ${producer(v)?.id ?? v.id}`);
    };
    for (const node of graph.body.nodes) {
      const text = `${node.op} ${JSON.stringify(node.attrs)} ${node.inputs.map(keyOf).join(' ')}`;
      // Regions hold nodes of their own: such a node equals only itself.
      const own = node.regions.length > 0 ? `${text} region ${this.numbers.size}` : text;
      for (const [i, v] of node.outputs.entries())
        keys.set(v, this.number(`${own} ${i} ${formatType(v.type)}`));
    }
    return keys;
  }

  private number(text: string): number {
    const known = this.numbers.get(text) ?? this.numbers.size;
    this.numbers.set(text, known);
    return known;
  }
}
