// docs/isa.md from the instruction table and from the rules that enforce it.
import { cyclesNote } from './cost.js';
import { bindableFields, FIELDS, OPCODES, ROWS } from './fields.js';
import { ACT_FUNCTIONS, ALU_OPS, COMPARISONS, REDUCE_OPS } from './functions.js';
import { CHIP_DTYPES } from './operands.js';
import { DESCRIPTOR_RULES } from './rules-descriptor.js';
import type { FieldKind, Mnemonic } from './table.js';
import { MNEMONICS } from './table.js';
import { RULES } from './validity.js';

const KIND_NOTES: Readonly<Record<FieldKind, readonly [bytes: string, meaning: string]>> = {
  in: ['8 + 4 a dim', 'access pattern read'],
  out: ['8 + 4 a dim', 'access pattern written'],
  optionalOut: ['8 + 4 a dim, or none', 'access pattern written where its flag is set'],
  scalar: [
    '8',
    'fp32 or int32 immediate, or a column: one element a partition, partitions as in the first input',
  ],
  alu: ['1', 'operation of DVE and POOL'],
  reduce: ['1', 'reduction'],
  act: ['1', 'function of ACT'],
  compare: ['1', 'comparison'],
  f32: ['4', 'fp32 number'],
  i32: ['4', 'int32'],
  u32: ['4', 'uint32'],
  u16: ['2', 'uint16'],
  u8: ['1', 'uint8'],
  flag: ['1 bit of the header', 'flag'],
  i32x4: ['16', 'four int32'],
};

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const numbered = (names: readonly string[]): string => names.map((n, i) => `${i} \`${n}\``).join(', ');
const bullets = (rules: Readonly<Record<string, { readonly text: string }>>): string =>
  Object.entries(rules)
    .map(([id, { text }]) => `- \`${id}\`: ${text}`)
    .join('\n');

/** Bindable names with the numbered parts of patterns folded together. */
function bindableNote(m: Mnemonic): string {
  const plain = bindableFields(m).filter((name) => !name.includes('.'));
  return plain.map((name) => `\`${name}\``).join(', ');
}

function section(m: Mnemonic): string {
  const row = ROWS[m];
  const engines = [
    row.engines.join(', ').toUpperCase(),
    ...(row.withoutPool ? [`${row.withoutPool.join(', ').toUpperCase()} without POOL`] : []),
    ...(row.branches ? ['branches'] : []),
  ].join('; ');
  const fields = FIELDS[m].map(
    (f) => `\`${f.name}\` ${f.kind}${f.gate === undefined ? '' : ` (with \`${f.gate}\`)`}`,
  );
  const lines = [
    `### ${m}`,
    '',
    row.doc,
    '',
    `- Opcode ${OPCODES[m]}; engines: ${engines}`,
    `- Fields: ${fields.length === 0 ? 'none' : fields.join(', ')}`,
    `- Cost: ${cyclesNote(m)}`,
  ];
  const bindable = bindableNote(m);
  if (bindable !== '') lines.push(`- Takes a register besides waits and patterns: ${bindable}`);
  return lines.join('\n');
}

/** The whole of docs/isa.md. */
export function isaMarkdown(): string {
  return `<!-- Generated from src/isa; refresh with UPDATE_DOCS=1 npx vitest run test/isa -->

# Instruction set

Engines run their own streams in order; semaphores are the only way they meet. An instruction carries at most two waits before it,
one increment that fires when its result is readable, and register bindings. See [targets](targets.md) for sizes and clocks.

## Encoding

Little-endian, a multiple of 8 bytes, one encoding for each instruction:

${table(
  ['bytes', 'content'],
  [
    ['0', 'opcode'],
    ['1', 'number of waits (bits 0-1), of bindings (bits 2-5)'],
    ['2-3', 'semaphore incremented; ffff for none'],
    ['4', 'flags of the row, in field order from bit 0'],
    ['5', 'size in units of 8 bytes'],
    ['6-7', 'zero'],
    ['8 a wait', 'semaphore (2), zero (2), value (4)'],
    ['fields', 'in row order, flags left out'],
    ['2 a binding', 'number of the bindable field, register'],
    ['rest', 'zeros up to the size'],
  ],
)}

${table(
  ['kind of field', 'bytes', 'meaning'],
  Object.entries(KIND_NOTES).map(([kind, [bytes, meaning]]) => [kind, bytes, meaning]),
)}

An access pattern is: element type (bits 0-3), memory (bit 4, set for PSUM), number of dims (bits 5-7); first partition; number of
partitions; zero; base (4 bytes); for each dim, outermost first, count (2) and stride in elements (2, signed). Leading dims of count 1
and stride 0 are left out. A scalar is: kind (0 fp32, 1 int32, 2 column); type and memory of a column; two zeros; value or base.
A NaN is encoded as 7fc00000.

Bindable fields have the numbers 0 and 1 for the waits' values, then those of the row, then for each pattern in field order \`base\`,
\`parts\`, four \`counts\`, four \`strides\`, and for each scalar the \`base\` of its column. A bound field is its immediate plus the
register, as a signed number.

A DMA descriptor is 160 bytes: element size; flags (1 indirect, 2 on the destination, 4 row numbers in DRAM); zero; partition (1) and
variable (4) of the row numbers; source and destination of 64 bytes each: memory (0 SBUF, 1 PSUM, 2 DRAM), partition dim, register
(-1 for none), partition, variable (4), offset (8), four counts (4 each), four strides (8 each, in bytes; in partitions for the partition
dim); offset, bound and constant offset of the row numbers (8 each).

## Text

\`\`\`
MATMUL dst=psum.f32[0:64]+0x0{512:1} stationary=sbuf.bf16[0:128]+0x400{64:1} moving=sbuf.bf16[0:128]+0x0{8x64:128,1} start wait 5>=12 inc 0 bind dst.base=r3
\`\`\`

A pattern is memory, type, partitions \`[first:end]\`, base, and \`{counts:strides}\` outermost first; a scalar \`1.5\`, \`7i\` (int32) or
\`@sbuf.f32+0x40\` (column). Flags are bare names. Scalars and numbers of kind f32 that are 0, steps that are all 0 and what belongs to a
flag that is off may be left out. \`;\` starts a comment. Descriptors:

\`\`\`
4B src=dram:7+0x100+r2{8x1x1x16:64,0,0,4} dst=sbuf@3+0x200{8x16:p1,4} gather=sbuf@0+0x40 bound=100 add=-1
\`\`\`

## Enumerations

- Element types: ${numbered(CHIP_DTYPES)}
- Operations (alu): ${numbered(ALU_OPS)}
- Reductions (reduce): ${numbered(REDUCE_OPS)}
- Functions (act): ${numbered(ACT_FUNCTIONS)}
- Comparisons (compare): ${numbered(COMPARISONS)}

## Instructions

${MNEMONICS.map(section).join('\n\n')}

## Rules

Each rule is a function; compiler and tools report every violation, with these texts. Fields that take a register are judged when
the instruction is executed.

${bullets(RULES)}

### DMA descriptors

${bullets(DESCRIPTOR_RULES)}
`;
}
