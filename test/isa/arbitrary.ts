// Random instructions, patterns and descriptors for property tests: every encodable value, whether or not a target accepts it.
// Derived from the instruction table: a new row is covered without a line here.
import fc from 'fast-check';
import { ENUMS, INTEGERS } from '../../src/isa/bytes.js';
import { ABSENT_AP, bindableFields, FIELDS, type Field } from '../../src/isa/fields.js';
import type { Ap, DmaDescriptor, DmaSide, Scalar } from '../../src/isa/operands.js';
import { CHIP_DTYPES } from '../../src/isa/operands.js';
import type { Instruction, Mnemonic } from '../../src/isa/table.js';
import { MNEMONICS } from '../../src/isa/table.js';

const float32 = fc.float({ noDefaultInfinity: false, noNaN: false });
const four = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<[T, T, T, T]> => fc.tuple(one, one, one, one);
const integer = (kind: keyof typeof INTEGERS): fc.Arbitrary<number> =>
  fc.integer({ min: INTEGERS[kind].min, max: INTEGERS[kind].max });
const space = fc.constantFrom('sbuf' as const, 'psum' as const);
const dtype = fc.constantFrom(...CHIP_DTYPES);

/** Any access pattern with at least one partition; dims are often unused. */
export const arbitraryAp: fc.Arbitrary<Ap> = fc.record({
  space,
  dtype,
  start: fc.nat(127),
  parts: fc.integer({ min: 1, max: 128 }),
  base: integer('u32'),
  counts: four(fc.oneof(fc.constant(1), integer('u16'))),
  strides: four(fc.oneof(fc.constant(0), fc.constant(1), integer('i16'))),
});

export const arbitraryScalar: fc.Arbitrary<Scalar> = fc.oneof(
  fc.record({ kind: fc.constant('f32' as const), value: float32 }),
  fc.record({ kind: fc.constant('i32' as const), value: integer('i32') }),
  fc.record({ kind: fc.constant('column' as const), space, dtype, base: integer('u32') }),
);

function arbitraryField({ kind }: Field): fc.Arbitrary<unknown> {
  switch (kind) {
    case 'in':
    case 'out':
    case 'optionalOut':
      return arbitraryAp;
    case 'scalar':
      return arbitraryScalar;
    case 'flag':
      return fc.boolean();
    case 'f32':
      return float32;
    case 'i32x4':
      return four(integer('i32'));
    case 'u8':
    case 'u16':
    case 'u32':
    case 'i32':
      return integer(kind);
    default:
      return fc.constantFrom<string>(...ENUMS[kind]);
  }
}

/** Any encodable instruction of a mnemonic. */
export function arbitraryInstruction(m: Mnemonic): fc.Arbitrary<Instruction> {
  const fields = Object.fromEntries(FIELDS[m].map((f) => [f.name, arbitraryField(f)]));
  const binding = fc.record({ field: fc.constantFrom(...bindableFields(m)), reg: fc.nat(31) });
  return fc
    .record({
      waits: fc.array(fc.record({ semaphore: fc.nat(319), value: integer('u32') }), { maxLength: 2 }),
      increment: fc.integer({ min: -1, max: 319 }),
      bindings: fc.uniqueArray(binding, { maxLength: 8, selector: (b) => b.field }),
      fields: fc.record(fields),
    })
    .map(({ fields: values, ...envelope }) => {
      const gated: Record<string, unknown> = { ...values };
      for (const f of FIELDS[m]) {
        if (f.kind === 'optionalOut' && f.gate !== undefined && gated[f.gate] !== true)
          gated[f.name] = ABSENT_AP;
      }
      return { m, ...envelope, ...gated } as unknown as Instruction;
    });
}

export const arbitraryProgram: fc.Arbitrary<Instruction[]> = fc.array(
  fc.constantFrom(...MNEMONICS).chain(arbitraryInstruction),
  { maxLength: 20 },
);

const arbitrarySide: fc.Arbitrary<DmaSide> = fc
  .record({
    space: fc.constantFrom('sbuf' as const, 'psum' as const, 'dram' as const),
    variable: fc.nat(1000),
    offset: fc.maxSafeInteger(),
    partition: fc.nat(127),
    partitionDim: fc.integer({ min: -1, max: 3 }),
    counts: four(fc.oneof(fc.constant(1), integer('u32'))),
    strides: four(fc.oneof(fc.constant(0), fc.maxSafeInteger())),
    reg: fc.integer({ min: -1, max: 31 }),
  })
  .map((s) => (s.space === 'dram' ? { ...s, partition: 0, partitionDim: -1 } : { ...s, variable: 0 }));

export const arbitraryDescriptor: fc.Arbitrary<DmaDescriptor> = fc
  .record({
    elementBytes: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const),
    src: arbitrarySide,
    dst: arbitrarySide,
    indirect: fc.option(
      fc
        .record({
          side: fc.constantFrom('src' as const, 'dst' as const),
          space: fc.constantFrom('sbuf' as const, 'dram' as const),
          variable: fc.nat(1000),
          partition: fc.nat(127),
          offset: fc.maxSafeNat(),
          bound: fc.maxSafeNat(),
          add: fc.maxSafeInteger(),
        })
        .map((i) => (i.space === 'dram' ? { ...i, partition: 0 } : { ...i, variable: 0 })),
      { nil: undefined },
    ),
  })
  .map(({ indirect, ...sides }) => (indirect === undefined ? sides : { ...sides, indirect }));
