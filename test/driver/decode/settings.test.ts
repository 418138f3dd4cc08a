// Generation settings of Hugging Face folders, and the names that pairing goes by.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairUp } from '../../../src/driver/decode/pairing.js';
import { type Config, folderGeneration, Settings } from '../../../src/driver/decode/settings.js';
import { codeOf } from '../../helpers/codes.js';

const settings = (generation: Config, config: Config = {}) =>
  new Settings(
    new Map([
      ['config.json', config],
      ['generation_config.json', generation],
    ]),
    'folder',
  );

describe('settings', () => {
  it('are those of the generation config, then of the model, then of its decoder', () => {
    const found = folderGeneration(
      settings(
        { eos_token_id: [7, 8], max_length: 41, suppress_tokens: [3, -1], begin_suppress_tokens: [5] },
        { pad_token_id: 2, decoder: { decoder_start_token_id: 6 } },
      ),
      1,
      undefined,
    );
    expect(found).toMatchObject({
      bos: 6,
      eos: [7, 8],
      pad: 2,
      maxSteps: 40,
      suppressed: [3],
      suppressedFirst: [5],
    });
  });

  it('force tokens at the start, at the end and between', () => {
    const found = folderGeneration(
      settings({ forced_bos_token_id: 9, forced_eos_token_id: 4, forced_decoder_ids: [[2, 11]] }),
      1,
      12,
    );
    expect([...(found.forced ?? [])]).toEqual([
      [0, 9],
      [1, 11],
      [11, 4],
    ]);
  });

  it('count a prompt into max_length, not into max_new_tokens', () => {
    expect(folderGeneration(settings({ max_length: 30 }), 10, undefined).maxSteps).toBe(20);
    expect(folderGeneration(settings({ max_length: 30, max_new_tokens: 25 }), 10, undefined).maxSteps).toBe(
      25,
    );
  });

  it('that change greedy output and are not built are refused by name', () => {
    const cases: readonly (readonly [string, unknown])[] = [
      ['num_beams', 4],
      ['repetition_penalty', 1.3],
      ['no_repeat_ngram_size', 3],
      ['min_length', 5],
      ['do_sample', true],
    ];
    for (const [name, value] of cases) expect(() => settings({ [name]: value })).toThrow(name);
    expect(codeOf(() => settings({ num_beams: 4 }))).toBe('E4209');
    expect(codeOf(() => folderGeneration(settings({ bad_words_ids: [[1, 2]] }), 1, 3))).toBe('E4209');
    expect(
      folderGeneration(settings({ num_beams: 1, top_k: 50, temperature: 0.7, bad_words_ids: [[12]] }), 1, 3)
        .suppressed,
    ).toEqual([12]);
  });
});

describe('pairing', () => {
  it('finds the only complete pairing whatever the order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
        (n, order) => {
          // Need i takes offers 0..i: only the identity is complete.
          const needs = Array.from({ length: n }, (_, i) => i).sort(
            (a, b) => (order[a] ?? 0) - (order[b] ?? 0),
          );
          const { pairs } = pairUp<number, string>(
            needs,
            (i) => Array.from({ length: i + 1 }, (_, k) => `offer ${k}`),
            String,
          );
          return needs.every((i) => pairs.get(i) === `offer ${i}`);
        },
      ),
    );
  });

  it('goes by names only among what fits, and leaves ties open', () => {
    const offers = ['present.0.key', 'present.0.value', 'present.1.key', 'present.1.value'];
    const needs = offers.map((name) => name.replace('present', 'past_key_values'));
    const { pairs } = pairUp<string, string>(
      needs,
      () => offers,
      (name) => name,
    );
    expect(needs.map((need) => pairs.get(need))).toEqual(offers);
    expect(
      pairUp<string, string>(
        ['a', 'b'],
        () => ['x', 'y'],
        (name) => name,
      ).undecided.size,
    ).toBe(2);
  });
});
