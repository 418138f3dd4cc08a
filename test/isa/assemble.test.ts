import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, assembleDescriptors } from '../../src/isa/assemble.js';
import { encode } from '../../src/isa/codec.js';
import { disassemble, disassembleDescriptor } from '../../src/isa/disassemble.js';
import { encodeDescriptors } from '../../src/isa/dma-codec.js';
import { MNEMONICS } from '../../src/isa/table.js';
import { arbitraryDescriptor, arbitraryInstruction } from './arbitrary.js';

const LINES = [
  'NOP wait 5>=12,264>=1 inc 0',
  'MATMUL dst=psum.f32[0:64]+0x0{512:1} stationary=sbuf.bf16[0:128]+0x400{64:1} moving=sbuf.bf16[0:128]+0x0{8x64:128,1} start bind dst.base=r3',
  'ACTIVATE func=gelu dst=sbuf.bf16[0:128]+0x0{64:1} src=psum.f32[0:128]+0x0{64:1} scale=0.125 bias=@sbuf.f32+0x40',
  'TENSOR_SCALAR op0=add op1=bypass dst=sbuf.i32[32:33]+0x10 src=sbuf.i32[32:33]+0x10 s0=-7i exact',
  'TENSOR_TENSOR op=multiply dst=sbuf.f32[0:128]+0x0{64:1} a=sbuf.f32[0:128]+0x0{64:1} b=sbuf.f32[0:128]+0x0{64:0} reduce reduceOp=add reduceDst=sbuf.f32[0:128]+0x100',
  'IOTA dst=sbuf.i32[0:1]+0x0{16:1} base=-3 perPartition=0 steps=0,0,0,1 bind base=r31,waits.0=r2',
  'AFFINE_SELECT dst=sbuf.f32[0:32]+0x0{16:1} src=sbuf.f32[0:32]+0x0{16:-1} compare=ge base=0 perPartition=1 steps=0,0,0,-1 fill=-inf',
];

describe('assembly', () => {
  it.each(LINES)('prints as written: %s', (line) => {
    expect(assemble(line).map(disassemble)).toEqual([line]);
  });

  it.each(MNEMONICS)('is the same bytes after text: %s', (m) => {
    fc.assert(
      fc.property(arbitraryInstruction(m), (instr) => {
        expect(encode(assemble(disassemble(instr)))).toEqual(encode([instr]));
      }),
      { numRuns: 50 },
    );
  });

  it('is the same bytes after text: descriptors', () => {
    fc.assert(
      fc.property(arbitraryDescriptor, (d) => {
        expect(encodeDescriptors(assembleDescriptors(disassembleDescriptor(d)))).toEqual(
          encodeDescriptors([d]),
        );
      }),
      { numRuns: 300 },
    );
    const line =
      '4B src=dram:7+0x100+r2{8x16:64,4} dst=sbuf@3+0x200{8x16:p1,4} gather=sbuf@0+0x40 bound=100 add=-1';
    expect(assembleDescriptors(line).map(disassembleDescriptor)).toEqual([line]);
  });

  it.each([
    ['NOPE', 'there is no instruction NOPE'],
    ['REG_SET reg=1', 'REG_SET needs value'],
    ['RET now', 'RET has no field now'],
    ['REG_SET reg=1 reg=2 value=0', 'reg is given twice'],
    ['MEMSET dst=sbuf.f99[0:1]+0x0 bits=0', 'f99 is none of f32'],
    ['MEMSET dst=sbuf.f32 bits=0', 'no access pattern'],
    ['NOP bind dst.base=r1', 'NOP has no bindable field dst.base'],
  ])('says what is wrong with the line: %s', (line, message) => {
    expect(() => assemble(`; first\nNOP\n${line}`)).toThrow(message);
    expect(() => assemble(`; first\nNOP\n${line}`)).toThrow(/line 3/);
  });
});
