// Encodings worked out by hand from the layout in src/isa/codec.ts. Compiler and simulator share the instruction table, so only
// these pin the bytes: a change here is a change of the artifact format.
import { describe, expect, it } from 'vitest';
import { assemble, assembleDescriptors } from '../../src/isa/assemble.js';
import { decodeStream, encode } from '../../src/isa/codec.js';
import { decodeDescriptors, encodeDescriptors } from '../../src/isa/dma-codec.js';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Header: opcode, waits | bindings << 2, increment, flags, size / 8, zero. */
const GOLDEN: readonly (readonly [line: string, ...bytes: string[]])[] = [
  ['NOP', '01 00 ffff 00 01 0000'],
  ['NOP wait 5>=12,264>=1 inc 0', '01 02 0000 00 03 0000', '0500 0000 0c000000', '0801 0000 01000000'],
  ['REG_SET reg=7 value=-2', '02 00 ffff 00 02 0000', '07 feffffff', '000000'],
  ['REG_ADD reg=1 source=2 value=0 useRegister addend=3', '03 00 ffff 01 02 0000', '01 02 00000000 03', '00'],
  ['CALL segment=258', '05 00 ffff 00 02 0000', '0201', '000000000000'],
  ['RET', '06 00 ffff 00 01 0000'],
  [
    'BRANCH compare=ge reg=4 value=0 forward=10',
    '08 00 ffff 00 03 0000',
    '05 04 00000000 0a000000',
    '000000000000',
  ],
  [
    'DMA queue=3 first=16 count=2 wait 9>=255 inc 11 bind first=r5',
    '09 05 0b00 00 04 0000',
    '0900 0000 ff000000',
    '03 10000000 02000000',
    '02 05',
    '0000000000',
  ],
  [
    'MEMSET dst=sbuf.bf16[0:128]+0x100{64:1} bits=16256',
    '12 00 ffff 00 03 0000',
    '21 00 80 00 00010000 4000 0100',
    '803f0000',
  ],
  [
    'MATMUL dst=psum.f32[0:64]+0x800{512:1} stationary=sbuf.bf16[0:128]+0x400{64:1} moving=sbuf.bf16[0:128]+0x0{8x64:-128,1} start',
    '0a 00 ffff 01 06 0000',
    '30 00 40 00 00080000 0002 0100',
    '21 00 80 00 00040000 4000 0100',
    '41 00 80 00 00000000 0800 80ff 4000 0100',
  ],
  [
    'ACTIVATE func=relu dst=sbuf.f16[32:64]+0x0{16:1} src=psum.f32[32:64]+0x0{16:1} scale=0.5 bias=@sbuf.f32+0x40',
    '0b 00 ffff 00 07 0000',
    '09',
    '22 20 20 00 00000000 1000 0100',
    '30 20 20 00 00000000 1000 0100',
    '00 00 0000 0000003f',
    '02 00 0000 40000000',
    '00000000',
    '000000',
  ],
  [
    'TENSOR_TENSOR op=multiply dst=sbuf.i32[64:128]+0x10 a=sbuf.i32[64:128]+0x14 b=sbuf.i32[64:128]+0x18 exact reduce reduceOp=max reduceDst=sbuf.i32[64:128]+0x20',
    '0c 00 ffff 03 06 0000',
    '03',
    '03 40 40 00 10000000',
    '03 40 40 00 14000000',
    '03 40 40 00 18000000',
    '01',
    '03 40 40 00 20000000',
    '000000000000',
  ],
  [
    'IOTA dst=sbuf.i32[0:1]+0x0{16:1} base=-3 perPartition=0 steps=0,0,0,1 bind base=r31,dst.base=r2',
    '19 08 ffff 00 06 0000',
    '23 00 01 00 00000000 1000 0100',
    'fdffffff 00000000',
    '00000000 00000000 00000000 01000000',
    '02 1f 03 02',
  ],
];

describe('golden bytes', () => {
  it.each(GOLDEN)('%s', (line, ...bytes) => {
    const hex = bytes.join('').replaceAll(' ', '');
    expect(hexOf(encode(assemble(line)))).toBe(hex);
    expect(decodeStream(Uint8Array.from(Buffer.from(hex, 'hex')))).toEqual(assemble(line));
  });

  it('of a DMA descriptor', () => {
    const line =
      '4B src=dram:7+0x100+r2{8x16:-64,4} dst=sbuf@3+0x200{8x16:p1,4} gather=dram:9+0x40 bound=100 add=-1';
    const hex = [
      '04 05 00 00 09000000',
      '02 ff 02 00 07000000 0001000000000000 01000000 01000000 08000000 10000000',
      '0000000000000000 0000000000000000 c0ffffffffffffff 0400000000000000',
      '00 02 ff 03 00000000 0002000000000000 01000000 01000000 08000000 10000000',
      '0000000000000000 0000000000000000 0100000000000000 0400000000000000',
      '4000000000000000 6400000000000000 ffffffffffffffff',
    ]
      .join('')
      .replaceAll(' ', '');
    expect(hexOf(encodeDescriptors(assembleDescriptors(line)))).toBe(hex);
    expect(decodeDescriptors(Uint8Array.from(Buffer.from(hex, 'hex')))).toEqual(assembleDescriptors(line));
  });
});
