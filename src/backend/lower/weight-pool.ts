// The constants of a program, shared by all graphs that are lowered into it: which DRAM variable holds a constant in which form, and
// which weights on chip are filled from it. Graphs imported once for each bucket hold equal constants as different objects;
// `byContent` finds them equal, so that a weight is pinned and loaded once for all of them.
import type { Constant } from '../../ir/constant.js';
import type { Buffer } from './buffer.js';
import { InternedConstants } from './interned-constants.js';
import type { View } from './view.js';

export class WeightPool {
  /** DRAM buffers of constants and the constants they hold. */
  readonly constants = new Map<Buffer, Constant>();
  /** Weights on chip, by what they are filled from and their layout. */
  readonly loaded = new Map<string, View>();
  private readonly tables = new Map<string, Constant>();
  private readonly forms = new Map<Constant, Map<string, Buffer>>();
  readonly interned: InternedConstants;

  constructor(byContent = false) {
    this.interned = new InternedConstants(byContent);
  }

  /** A constant that kernels make for themselves, one object for one key, so that it is stored and loaded once. */
  shared(key: string, constant: Constant): Constant {
    const known = this.tables.get(key);
    if (known !== undefined) return known;
    this.tables.set(key, constant);
    return constant;
  }

  /** The DRAM variables of an interned constant, by order of axes and element type. */
  formsOf(constant: Constant): Map<string, Buffer> {
    let forms = this.forms.get(constant);
    if (forms === undefined) {
      forms = new Map();
      this.forms.set(constant, forms);
    }
    return forms;
  }
}
