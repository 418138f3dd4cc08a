// When fused and separate multiply-add agree: if every product of the two operands is exact in f32, rounding it before
// the sum changes nothing. Decided from the exponents alone, for operands that came from f16 or bf16.

/** Significand bits of f16, leading one included; bf16 has 8. */
const SIGNIFICAND = 11;
/** Bias of the f32 exponent field, its value for infinity and NaN, exponent of the least f32 bit. */
const BIAS = 127;
const LEAST = -149;

/**
 * `a` and `b` are results of the kernel `exponentRange` over data whose values have at most 11 significant bits. True if
 * no product overflows or has bits below 2^-149 (22 bits always fit the significand). Always so for f16 data that is
 * finite; bf16 data may be too large or too small. Infinities, NaN and f32 subnormals give false.
 */
export function productsAreExact(a: number, b: number): boolean {
  const most = (a >>> 16) + (b >>> 16) - 2 * BIAS;
  const least = (a & 0xffff) + (b & 0xffff) - 2 * BIAS;
  const normal = (a & 0xffff) > 0 && (b & 0xffff) > 0 && a >>> 16 < 255 && b >>> 16 < 255;
  return normal && most + 2 <= BIAS + 1 && least - 2 * (SIGNIFICAND - 1) >= LEAST;
}
