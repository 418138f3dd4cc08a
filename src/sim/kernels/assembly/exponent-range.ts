// Range of the exponents of f32 data, one pass: from it the caller decides whether products are exact in f32.

/**
 * Over `count` f32 at `source`: (largest exponent field << 16) | smallest exponent field of the values that are not
 * zero. Fields are 0 (subnormal) .. 255 (infinity, NaN); all zeros give 255 as the smallest and 0 as the largest.
 */
export function exponentRange(source: usize, count: usize): u32 {
  const magnitude = i32x4.splat(0x7fffffff);
  const one = i32x4.splat(1);
  // magnitude - 1, unsigned, sends zero to the top, so that the minimum skips it.
  let low = i32x4.splat(-1), high = i32x4.splat(0);
  let i: usize = 0;
  for (; i + 4 <= count; i += 4) {
    const bits = v128.and(v128.load(source + i * 4), magnitude);
    high = i32x4.max_u(high, bits);
    low = i32x4.min_u(low, i32x4.sub(bits, one));
  }
  let most: u32 = max(max(i32x4.extract_lane(high, 0), i32x4.extract_lane(high, 1)),
    max(i32x4.extract_lane(high, 2), i32x4.extract_lane(high, 3)));
  let least: u32 = min(min(<u32>i32x4.extract_lane(low, 0), <u32>i32x4.extract_lane(low, 1)),
    min(<u32>i32x4.extract_lane(low, 2), <u32>i32x4.extract_lane(low, 3)));
  for (; i < count; ++i) {
    const bits = load<u32>(source + i * 4) & 0x7fffffff;
    most = max(most, bits);
    least = min(least, bits - 1);
  }
  const smallest: u32 = least == <u32>-1 ? 255 : (least + 1) >> 23;
  return ((most >> 23) << 16) | smallest;
}
