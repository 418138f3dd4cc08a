import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../src/base/diagnostic.js';
import { applyBindings } from '../../src/isa/bindings.js';
import { decodeStream, encode } from '../../src/isa/codec.js';
import { decodeDescriptors, encodeDescriptors } from '../../src/isa/dma-codec.js';
import type { Instruction } from '../../src/isa/table.js';
import { MNEMONICS } from '../../src/isa/table.js';
import { arbitraryDescriptor, arbitraryInstruction, arbitraryProgram } from './arbitrary.js';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof NeffcError) return error.diagnostics[0]?.code ?? '';
    throw error;
  }
  return 'none';
};

describe('codec', () => {
  it.each(MNEMONICS)('decodes what it encodes: %s', (m) => {
    fc.assert(
      fc.property(arbitraryInstruction(m), (instr) => {
        const bytes = encode([instr]);
        expect(bytes.length % 8).toBe(0);
        expect(decodeStream(bytes)).toEqual([instr]);
        expect(encode(decodeStream(bytes))).toEqual(bytes);
      }),
      { numRuns: 50 },
    );
  });

  it('either decodes damaged bytes to the one program they encode or says where they are invalid', () => {
    fc.assert(
      fc.property(arbitraryProgram, fc.nat(), fc.integer({ min: 1, max: 255 }), (program, at, flip) => {
        const bytes = encode(program);
        if (bytes.length === 0) return;
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ flip;
        try {
          expect(encode(decodeStream(bytes))).toEqual(bytes);
        } catch (error) {
          if (!(error instanceof NeffcError)) throw error;
          expect(error.diagnostics[0]?.code).toMatch(/^E120[1-6]$/);
          expect(error.diagnostics[0]?.where?.offset).toBeTypeOf('number');
        }
      }),
      { numRuns: 300 },
    );
  });

  it('names the field that does not fit', () => {
    const bad = { m: 'DMA', waits: [], increment: -1, bindings: [], queue: 300, first: 0, count: 1 } as const;
    expect(() => encode([bad])).toThrow(/DMA queue = 300 is outside 0\.\.255/);
    expect(codeOf(() => encode([bad]))).toBe('E1200');
  });

  it.each([
    ['zeroed memory', '0000000000010000', 'E1201'],
    ['an opcode beyond the table', 'ff00ffff00010000', 'E1201'],
    ['a size beyond the end', '0100ffff00020000', 'E1202'],
    ['a size of nothing', '0100ffff00000000', 'E1202'],
    ['more bytes than the instruction has', '0100ffff000200000000000000000000', 'E1202'],
    ['half a header', '0100ffff', 'E1202'],
    ['reserved bytes', '0100ffff00010001', 'E1203'],
    ['a flag the row has not', '0100ffff01010000', 'E1203'],
    ['three waits', '0103ffff00010000', 'E1205'],
  ])('refuses %s', (_what, hex, code) => {
    expect(codeOf(() => decodeStream(Uint8Array.from(Buffer.from(hex, 'hex'))))).toBe(code);
  });

  it('adds registers to bound fields and leaves unbound instructions as they are', () => {
    const iota: Instruction = {
      m: 'IOTA',
      waits: [{ semaphore: 3, value: 10 }],
      increment: -1,
      bindings: [
        { field: 'dst.base', reg: 1 },
        { field: 'dst.counts.3', reg: 2 },
        { field: 'dst.parts', reg: 2 },
        { field: 'base', reg: 3 },
        { field: 'waits.0', reg: 1 },
      ],
      dst: {
        space: 'sbuf',
        dtype: 'i32',
        start: 0,
        parts: 1,
        base: 64,
        counts: [1, 1, 1, 2],
        strides: [0, 0, 0, 1],
      },
      base: 0x7fffffff,
      perPartition: 0,
      steps: [0, 0, 0, 1],
    };
    const registers = new Int32Array(32);
    registers.set([16, 4, 1], 1);
    const resolved = applyBindings(iota, registers);
    expect(resolved).toMatchObject({
      bindings: [],
      waits: [{ semaphore: 3, value: 26 }],
      dst: { base: 80, parts: 5, counts: [1, 1, 1, 6] },
      base: -0x80000000,
    });
    expect(applyBindings(resolved, registers)).toBe(resolved);
  });
});

describe('DMA descriptors', () => {
  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(fc.array(arbitraryDescriptor, { maxLength: 4 }), (table) => {
        expect(decodeDescriptors(encodeDescriptors(table))).toEqual(table);
      }),
    );
  });

  it('are refused with an offset where invalid', () => {
    const bytes = new Uint8Array(160);
    expect(codeOf(() => decodeDescriptors(bytes))).toBe('E1207');
    expect(codeOf(() => decodeDescriptors(new Uint8Array(100)))).toBe('E1207');
  });
});
