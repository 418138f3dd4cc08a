// Attributes of a node by kind, with defaults. A value of another kind than the operator's schema says is bad input; so is
// a missing one that has no default. Knows nothing of what the attributes mean.
import { badInput, type NeffcError, type Place } from '../../base/diagnostic.js';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor } from './proto/model.js';

type Kind = OnnxAttribute['kind'];
type Values = { readonly [K in Kind]: Extract<OnnxAttribute, { kind: K }>['value'] };

export class Attributes {
  private readonly node: OnnxNode;
  private readonly where: Place;

  constructor(node: OnnxNode, where: Place) {
    this.node = node;
    this.where = where;
  }

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  /** E3102 where the attribute is of another kind. */
  private find<K extends Kind>(name: string, kind: K): Values[K] | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return undefined;
    if (attribute.kind !== kind) {
      throw badInput(
        'E3102',
        `attribute '${name}' of ${this.node.opType} is of kind ${attribute.kind}, not ${kind}`,
        this.where,
        'Export the model again, or correct the attribute.',
      );
    }
    return attribute.value as Values[K];
  }

  private missing(name: string): NeffcError {
    return badInput(
      'E3102',
      `${this.node.opType} lacks its attribute '${name}'`,
      this.where,
      'Export the model again, or add the attribute.',
    );
  }

  private get<K extends Kind>(name: string, kind: K, fallback: Values[K] | undefined): Values[K] {
    const value = this.find(name, kind) ?? fallback;
    if (value === undefined) throw this.missing(name);
    return value;
  }

  int(name: string, fallback?: number): number {
    return this.get(name, 'int', fallback);
  }
  flag(name: string, fallback = false): boolean {
    return this.int(name, fallback ? 1 : 0) !== 0;
  }
  float(name: string, fallback?: number): number {
    return this.get(name, 'float', fallback);
  }
  string(name: string, fallback?: string): string {
    return this.get(name, 'string', fallback);
  }
  ints(name: string, fallback?: readonly number[]): readonly number[] {
    return this.get(name, 'ints', fallback);
  }
  floats(name: string, fallback?: readonly number[]): readonly number[] {
    return this.get(name, 'floats', fallback);
  }
  strings(name: string, fallback?: readonly string[]): readonly string[] {
    return this.get(name, 'strings', fallback);
  }
  tensor(name: string): OnnxTensor {
    return this.get(name, 'tensor', undefined);
  }
  graph(name: string): OnnxGraph {
    return this.get(name, 'graph', undefined);
  }

  /** E3102 where the string is none of those the operator knows. */
  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.string(name, fallback);
    const found = allowed.find((item) => item === value);
    if (found === undefined) {
      throw badInput(
        'E3102',
        `attribute '${name}' of ${this.node.opType} is '${value}', not one of ${allowed.join(', ')}`,
        this.where,
      );
    }
    return found;
  }
}
