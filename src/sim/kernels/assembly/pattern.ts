// Rows of access patterns: elements of one partition gathered into words of 32 bits (integers extended, other types as they
// are), and words scattered back. The pattern is a struct that exec/wasm/operands.ts writes; its dims are already merged.
//
//   0 address of the first element in the first partition    4 bytes from partition to partition
//   8 element type (index in CHIP_DTYPES)                     12 elements in a row
//  16 four counts, outermost first                            32 four strides in bytes
//  48 1 where the row is one contiguous run

export const F32: i32 = 0;
export const BF16: i32 = 1;
export const F16: i32 = 2;
export const I32: i32 = 3;
export const U32: i32 = 4;
export const I16: i32 = 5;
export const U16: i32 = 6;
export const I8: i32 = 7;
export const U8: i32 = 8;
export const BOOL: i32 = 14;

// @ts-ignore: decorator
@inline
export function rowAddress(pattern: usize, p: i32): usize {
  return load<usize>(pattern) + <usize>p * load<usize>(pattern, 4);
}

// @ts-ignore: decorator
@inline
export function typeOf(pattern: usize): i32 {
  return load<i32>(pattern, 8);
}

// @ts-ignore: decorator
@inline
export function lengthOf(pattern: usize): i32 {
  return load<i32>(pattern, 12);
}

// @ts-ignore: decorator
@inline
export function isRun(pattern: usize): bool {
  return load<i32>(pattern, 48) == 1;
}

/** Whether the row is a run of 32-bit elements, which can be read or written where it lies. */
// @ts-ignore: decorator
@inline
export function isWordRun(pattern: usize): bool {
  return isRun(pattern) && wordSized(typeOf(pattern));
}

// @ts-ignore: decorator
@inline
function wordSized(type: i32): bool {
  return type == F32 || type == I32 || type == U32;
}

/** Extends `count` contiguous elements of 8 or 16 bits to words; 8 elements of either type at a time. */
// @ts-ignore: decorator
@inline
function extendRun<T>(source: usize, count: i32, out: usize): usize {
  for (; count >= 8; count -= 8) {
    let halves: v128;
    if (sizeof<T>() == 1) {
      const bytes = v128.load64_zero(source);
      halves = isSigned<T>() ? i16x8.extend_low_i8x16_s(bytes) : i16x8.extend_low_i8x16_u(bytes);
    } else halves = v128.load(source);
    if (isSigned<T>()) {
      v128.store(out, i32x4.extend_low_i16x8_s(halves));
      v128.store(out, i32x4.extend_high_i16x8_s(halves), 16);
    } else {
      v128.store(out, i32x4.extend_low_i16x8_u(halves));
      v128.store(out, i32x4.extend_high_i16x8_u(halves), 16);
    }
    source += 8 * sizeof<T>();
    out += 32;
  }
  for (; count > 0; --count) {
    store<u32>(out, <u32>load<T>(source));
    source += sizeof<T>();
    out += 4;
  }
  return out;
}

// @ts-ignore: decorator
@inline
function gatherRun<T>(source: usize, stride: i32, count: i32, out: usize): usize {
  if (stride == sizeof<T>()) {
    if (sizeof<T>() < 4) return extendRun<T>(source, count, out);
    return copyWords(source, count, out);
  }
  const end = out + (<usize>count << 2);
  while (out < end) {
    store<u32>(out, <u32>load<T>(source));
    source += stride;
    out += 4;
  }
  return out;
}

function copyWords(source: usize, count: i32, out: usize): usize {
  const end = out + (<usize>count << 2);
  if (count < 4) {
    for (; out < end; out += 4, source += 4) store<u32>(out, load<u32>(source));
    return end;
  }
  const last = end - 16;
  for (; out < last; out += 16, source += 16) v128.store(out, v128.load(source));
  // The rest, with words before it that are there already.
  v128.store(last, v128.load(source - (out - last)));
  return end;
}

function gather<T>(pattern: usize, source: usize, out: usize): void {
  const c0 = load<i32>(pattern, 16), c1 = load<i32>(pattern, 20), c2 = load<i32>(pattern, 24), c3 = load<i32>(pattern, 28);
  const s0 = load<i32>(pattern, 32), s1 = load<i32>(pattern, 36), s2 = load<i32>(pattern, 40), s3 = load<i32>(pattern, 44);
  for (let i = 0; i < c0; ++i) {
    for (let j = 0; j < c1; ++j) {
      for (let k = 0; k < c2; ++k) out = gatherRun<T>(source + i * s0 + j * s1 + k * s2, s3, c3, out);
    }
  }
}

/** One element as a word. */
export function wordAt(type: i32, source: usize): u32 {
  if (wordSized(type)) return load<u32>(source);
  if (type == I16) return load<i16>(source);
  if (type == BF16 || type == F16 || type == U16) return load<u16>(source);
  return type == I8 ? load<i8>(source) : load<u8>(source);
}

/** The elements of a row that begins at `source`, as words at `out`. */
export function gatherWords(pattern: usize, source: usize, out: usize): void {
  const type = typeOf(pattern);
  if (wordSized(type)) gather<u32>(pattern, source, out);
  else if (type == I16) gather<i16>(pattern, source, out);
  else if (type == BF16 || type == F16 || type == U16) gather<u16>(pattern, source, out);
  else if (type == I8) gather<i8>(pattern, source, out);
  else gather<u8>(pattern, source, out);
}

/** Narrows words to contiguous elements of 8 or 16 bits, wrapping. */
// @ts-ignore: decorator
@inline
function narrowRun<T>(words: usize, count: i32, target: usize): usize {
  for (; count >= 8; count -= 8) {
    const low = v128.load(words), high = v128.load(words, 16);
    if (sizeof<T>() == 2) v128.store(target, v128.shuffle<i16>(low, high, 0, 2, 4, 6, 8, 10, 12, 14));
    else {
      const bytes = v128.shuffle<i8>(low, high, 0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
      v128.store64_lane(target, bytes, 0);
    }
    words += 32;
    target += 8 * sizeof<T>();
  }
  for (; count > 0; --count) {
    store<T>(target, <T>load<u32>(words));
    words += 4;
    target += sizeof<T>();
  }
  return words;
}

// @ts-ignore: decorator
@inline
function scatterRun<T>(words: usize, stride: i32, count: i32, target: usize): usize {
  const end = words + (<usize>count << 2);
  if (stride == sizeof<T>()) {
    if (sizeof<T>() < 4) return narrowRun<T>(words, count, target);
    copyWords(words, count, target);
    return end;
  }
  while (words < end) {
    store<T>(target, <T>load<u32>(words));
    words += 4;
    target += stride;
  }
  return words;
}

function scatter<T>(pattern: usize, words: usize, target: usize): void {
  const c0 = load<i32>(pattern, 16), c1 = load<i32>(pattern, 20), c2 = load<i32>(pattern, 24), c3 = load<i32>(pattern, 28);
  const s0 = load<i32>(pattern, 32), s1 = load<i32>(pattern, 36), s2 = load<i32>(pattern, 40), s3 = load<i32>(pattern, 44);
  for (let i = 0; i < c0; ++i) {
    for (let j = 0; j < c1; ++j) {
      for (let k = 0; k < c2; ++k) words = scatterRun<T>(words, s3, c3, target + i * s0 + j * s1 + k * s2);
    }
  }
}

/** Stores the low bits of words to the elements of a row that begins at `target`. */
export function scatterWords(pattern: usize, words: usize, target: usize): void {
  const type = typeOf(pattern);
  if (wordSized(type)) scatter<u32>(pattern, words, target);
  else if (type == BF16 || type == F16 || type == U16 || type == I16) scatter<u16>(pattern, words, target);
  else scatter<u8>(pattern, words, target);
}
