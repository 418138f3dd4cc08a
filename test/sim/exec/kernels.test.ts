// The kernels against the plain path: the same bits in all of SBUF and PSUM, the same traps, whatever the instruction.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/base/random.js';
import { INF2 } from '../../../src/chip/builtin.js';
import type { Target } from '../../../src/chip/target.js';
import type { Instruction } from '../../../src/isa/table.js';
import type { ComputeMnemonic } from '../../../src/sim/exec/compute.js';
import { execute } from '../../../src/sim/exec/execute.js';
import { createMachine, type Machine } from '../../../src/sim/machine.js';
import { fillMemory, GENERATE, PARTITION_BYTES } from './random-instruction.js';
import { ENVELOPE } from './support.js';

const TARGET: Target = { ...INF2, sbufPartitionBytes: PARTITION_BYTES, psum: { banks: 2, bankBytes: 2048 } };
const BYTES = 2 * 128 * PARTITION_BYTES;
const CASES = Number(process.env.CASES ?? 250);

/** The message of the trap, or nothing. */
function attempt(i: Instruction<ComputeMnemonic>, m: Machine): string | undefined {
  try {
    execute(i, m);
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

describe('kernels give the bits of the plain path', () => {
  const plain = createMachine(TARGET, { variables: [] }, { kernels: 'plain' });
  const wasm = createMachine(TARGET, { variables: [] }, { kernels: 'wasm' });
  const contents = new Uint32Array(BYTES / 4);
  fillMemory(createRandom(7), contents);

  it.each(Object.keys(GENERATE) as ComputeMnemonic[])('%s', (mnemonic) => {
    let carriedOut = 0;
    for (let seed = 0; seed < CASES; seed++) {
      const fields = GENERATE[mnemonic](createRandom(seed * 131 + 17));
      const instruction = { m: mnemonic, ...ENVELOPE, ...fields } as unknown as Instruction<ComputeMnemonic>;
      for (const m of [plain, wasm]) m.views.u32.set(contents);
      const [expected, actual] = [attempt(instruction, plain), attempt(instruction, wasm)];
      const label = `seed ${seed}: ${JSON.stringify(instruction)}`;
      expect(actual, label).toBe(expected);
      if (expected === undefined) carriedOut++;
      const bytes = (m: Machine) => Buffer.from(m.views.u8.buffer, 0, BYTES);
      const same = Buffer.compare(bytes(plain), bytes(wasm)) === 0;
      if (!same) expect.fail(`${difference(plain, wasm)} in ${label}`);
    }
    expect(carriedOut).toBeGreaterThan(CASES / 5);
  });
});

function difference(plain: Machine, wasm: Machine): string {
  const at = plain.views.u32.findIndex((x, i) => x !== wasm.views.u32[i]);
  const hex = (m: Machine) => m.views.u32[at]!.toString(16);
  const row = Math.floor((at * 4) / PARTITION_BYTES);
  return `row ${row}, offset ${(at * 4) % PARTITION_BYTES}: plain ${hex(plain)}, wasm ${hex(wasm)}`;
}
