// One object for constants that kernels derive in the same way from the same constant, so that nodes with the same weights (copies
// of a layer for other images, say) share what is stored and loaded.
import type { Constant } from '../../ir/constant.js';

export class InternedConstants {
  private readonly numbers = new Map<Constant, number>();
  private readonly derived = new Map<string, Constant>();
  private readonly known = new Map<Constant, Constant>();

  of(constant: Constant): Constant {
    let found = this.known.get(constant);
    if (found === undefined) {
      found = this.find(constant);
      this.known.set(constant, found);
    }
    return found;
  }

  private find(constant: Constant): Constant {
    const { recipe, dtype, shape } = constant;
    if (recipe.kind !== 'apply') return constant;
    const inputs = recipe.inputs.map((input) => this.number(this.of(input)));
    const key = JSON.stringify([recipe.op, recipe.attrs, recipe.result, dtype, shape, inputs]);
    const first = this.derived.get(key);
    if (first === undefined) this.derived.set(key, constant);
    return first ?? constant;
  }

  private number(constant: Constant): number {
    const known = this.numbers.get(constant) ?? this.numbers.size;
    this.numbers.set(constant, known);
    return known;
  }
}
