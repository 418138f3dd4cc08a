// Two operations in one pass over a row, for the pairs that most instructions with two operations have (scale and shift, tap of a
// depthwise convolution, clamp). The same bits as one after the other.
import { ADD, floatLanes, MAX, MIN, MULTIPLY, rawLanes, SUBTRACT } from './alu-float';

// @ts-ignore: decorator
@inline
function loop(
  op0: i32, op1: i32, out: usize, x: usize, y: usize, yStep: usize, z: usize, zStep: usize, count: i32,
): void {
  for (; count >= 4; count -= 4) {
    v128.store(out, floatLanes(op1, rawLanes(op0, v128.load(x), v128.load(y)), v128.load(z)));
    out += 16;
    x += 16;
    y += yStep;
    z += zStep;
  }
  for (; count > 0; --count) {
    const first = rawLanes(op0, v128.load32_zero(x), v128.load32_zero(y));
    v128.store32_lane(out, floatLanes(op1, first, v128.load32_zero(z)), 0);
    out += 4;
    x += 4;
    y += yStep >> 2;
    z += zStep >> 2;
  }
}

// @ts-ignore: decorator
@inline
function second(
  op0: i32, op1: i32, out: usize, x: usize, y: usize, yStep: usize, z: usize, zStep: usize, count: i32,
): void {
  switch (op1) {
    case ADD: loop(op0, ADD, out, x, y, yStep, z, zStep, count); break;
    case SUBTRACT: loop(op0, SUBTRACT, out, x, y, yStep, z, zStep, count); break;
    case MULTIPLY: loop(op0, MULTIPLY, out, x, y, yStep, z, zStep, count); break;
    case MAX: loop(op0, MAX, out, x, y, yStep, z, zStep, count); break;
    default: loop(op0, MIN, out, x, y, yStep, z, zStep, count);
  }
}

/** Whether `pairRow` knows two fp32 operations; of those, only subtraction minds the order of its operands. */
export function hasPair(op0: i32, reverse0: bool, op1: i32, reverse1: bool): bool {
  const first = op0 == ADD || op0 == MULTIPLY || op0 == MAX || (op0 == SUBTRACT && !reverse0);
  return first && (op1 == ADD || op1 == MULTIPLY || op1 == MAX || op1 == MIN || (op1 == SUBTRACT && !reverse1));
}

/** out = op1(op0(x, y), z); steps as in alu-float.ts. */
export function pairRow(
  op0: i32, op1: i32, out: usize, x: usize, y: usize, yStep: usize, z: usize, zStep: usize, count: i32,
): void {
  switch (op0) {
    case ADD: second(ADD, op1, out, x, y, yStep, z, zStep, count); break;
    case SUBTRACT: second(SUBTRACT, op1, out, x, y, yStep, z, zStep, count); break;
    case MULTIPLY: second(MULTIPLY, op1, out, x, y, yStep, z, zStep, count); break;
    default: second(MAX, op1, out, x, y, yStep, z, zStep, count);
  }
}
