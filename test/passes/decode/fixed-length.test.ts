// Decoders of a fixed number of tokens: one step serves all lengths, though earlier rows see what stands behind the tokens.
import { expect, it } from 'vitest';
import { tensorType } from '../../../src/ir/type.js';
import { GraphBuilder } from '../../../src/ops/build.js';
import { fixedStep } from '../../../src/passes/decode/fixed-length.js';
import type { PrefixSource } from '../../../src/passes/decode/model.js';
import { mismatch } from './compare.js';
import { decoderOf, Maker, MEMORY, transformer, WIDTH } from './made-decoders.js';

const STEPS = 4;
const BATCH = 2;

/** A transformer without a mask over `columns` tokens, of which those behind the first `length` are `fill`. */
function fixed(prompt: number, fill: (length: number) => number): PrefixSource {
  const columns = Math.max(1, prompt) + STEPS - 1;
  const open = decoderOf((m, tokens, memory) => transformer(m, tokens, memory), {
    steps: STEPS,
    batch: BATCH,
    prompt,
  });
  return {
    ...open,
    decoderAt(length) {
      const b = new GraphBuilder('decoder');
      const tokens = b.input('tokens', tensorType('i64', [BATCH, length]));
      const memory = b.input('memory', tensorType('f32', [BATCH, MEMORY, WIDTH]));
      const behind = b.one('broadcast', [b.scalar('i64', fill(length))], {
        shape: [BATCH, columns - length],
      });
      const all = length === columns ? tokens : b.one('concat', [tokens, behind], { axis: 1 });
      const scores = transformer(new Maker(b, columns, BATCH), all, memory, (_, s) => s);
      const vocabulary = scores.type.shape[2] as number;
      const row = b.one('slice', [scores], {
        starts: [0, length - 1, 0],
        sizes: [BATCH, 1, vocabulary],
        steps: [1, 1, 1],
      });
      return b.finish([b.one('reshape', [row], { shape: [BATCH, vocabulary] })], ['logits']);
    },
  };
}

it.each([0, 3])('have one step, for a prompt of %i tokens', (prompt) => {
  const source = fixed(prompt, () => 5);
  const program = fixedStep(source);
  expect(program).toBeDefined();
  expect(program?.later).toBeUndefined();
  expect(program && mismatch(source, program, [0, 1, 2, 3])).toBeUndefined();
});

it('are told from those that are others at other lengths', () => {
  expect(fixedStep(fixed(0, (length) => length))).toBeUndefined();
  expect(
    fixedStep(decoderOf((m, tokens, memory) => transformer(m, tokens, memory, (_, s) => s))),
  ).toBeUndefined();
});
