// Names of one ONNX graph and of the graphs around it. A name is bound once in a graph; an inner graph sees the names of
// the outer ones.
import { badInput, type Place } from '../../base/diagnostic.js';
import type { Item } from './items.js';

export class Scope {
  private readonly outer: Scope | undefined;
  private readonly items = new Map<string, Item>();

  constructor(outer?: Scope) {
    this.outer = outer;
  }

  /** E3103 where the graph has the name already. */
  bind(name: string, item: Item, where: Place): void {
    if (this.items.has(name)) {
      throw badInput('E3103', `the value '${name}' is computed twice`, where, 'Export the model again.');
    }
    this.items.set(name, item);
  }

  find(name: string): Item | undefined {
    return this.items.get(name) ?? this.outer?.find(name);
  }

  /** Whether this graph itself binds the name. */
  owns(name: string): boolean {
    return this.items.has(name);
  }
}
