// The whole way through the command line, on the small models of fixtures/: compile, dump, run, verify, profile.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentSchema } from '../../src/cli/schemas.js';
import { VIEWS } from '../../src/report/dump/views.js';
import { neffc, neffcJson } from '../helpers/command-line.js';
import { violations } from '../helpers/json-schema.js';

const fixtures = fileURLToPath(new URL('../../fixtures/tiny/', import.meta.url));
const SHAPES: Readonly<Record<string, string>> = { matmul: '', conv: '', mlp: '0=4x16' };

describe.each(Object.keys(SHAPES))('%s', (name) => {
  const model = join(fixtures, name, 'model.onnx');
  const data = join(fixtures, name);
  let folder = '';
  let file = '';
  const shape = SHAPES[name] === '' ? [] : ['--input-shape', SHAPES[name] ?? ''];
  const valid = (document: string, json: unknown) =>
    expect(violations(json, documentSchema(document))).toEqual([]);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'neffc-e2e-'));
    file = join(folder, 'm.neff');
    const { code, json } = await neffcJson(
      'compile',
      model,
      '-o',
      file,
      ...shape,
      '--host-ops',
      'forbid',
      '--verify-each',
    );
    expect(json).toMatchObject({ exit_code: 0, target: 'inf2' });
    expect(code).toBe(0);
    valid('compile', json);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('gives the same bytes again, and a report', async () => {
    const again = join(folder, 'again.neff');
    const { code, out, err } = await neffc('compile', model, '-o', again, ...shape);
    expect(code, err).toBe(0);
    expect(out).toContain('modelled time of main');
    expect(readFileSync(again)).toEqual(readFileSync(file));
  });

  it('dumps every view as text and as JSON', async () => {
    for (const { name: view } of VIEWS) {
      const { code, out } = await neffc('dump', file, `--${view}`);
      expect(code).toBe(0);
      expect(out.length, view).toBeGreaterThan(20);
    }
    const { json } = await neffcJson('dump', file, '--all');
    valid('dump', json);
    expect(Object.keys(json)).toEqual(expect.arrayContaining(VIEWS.map((v) => v.name)));
    valid('dump-memory', (await neffcJson('dump', file, '--memory', '--cores', '3')).json);
  });

  it('runs with equal numbers, whatever the timing', async () => {
    const plain = await neffcJson('run', file, '--input-dir', data);
    valid('run', plain.json);
    for (const seed of ['1', '2', '3']) {
      const { json } = await neffcJson(
        'run',
        file,
        '--input-dir',
        data,
        '--shuffle-timing',
        seed,
        '--checks',
        'always',
      );
      expect(json.outputs).toEqual(plain.json.outputs);
    }
    const cores = await neffcJson('run', file, '--input-dir', data, '--cores', '2', '--shared-weights');
    expect(cores.json.outputs).toEqual(plain.json.outputs);
  });

  it('agrees with the recorded outputs, and with the model layer by layer', async () => {
    const recorded = await neffcJson('verify', file, '--data', data);
    expect(recorded).toMatchObject({ code: 0, json: { equal: true } });
    valid('verify', recorded.json);
    const layers = await neffcJson('verify', file, '--model', model, '--layers', '--random', '5');
    expect(layers).toMatchObject({ code: 0, json: { equal: true, layers: { changedByPasses: [] } } });
    valid('verify', layers.json);
  });

  it('has a profile whose bounds hold, and a trace', async () => {
    const trace = join(folder, 'trace.json');
    const { code, json } = await neffcJson(
      'profile',
      file,
      '--trace',
      trace,
      '--requests',
      '4',
      '--in-flight',
      '2',
    );
    expect(code).toBe(0);
    valid('profile', json);
    expect(Number(json.over_bound)).toBeGreaterThanOrEqual(1);
    expect(Number(json.requests_per_s)).toBeGreaterThan(0);
    const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8')) as { traceEvents: unknown[] };
    expect(traceEvents.length).toBeGreaterThan(10);
    expect((await neffc('profile', file)).out).toContain('longest chain');
  });

  it('computes in 16 bits on both targets', async () => {
    for (const target of ['inf1', 'inf2']) {
      const cast = join(folder, `${target}.neff`);
      const { code, err } = await neffc(
        'compile',
        model,
        '-o',
        cast,
        ...shape,
        '--target',
        target,
        '--auto-cast',
        'all',
      );
      expect(code, err).toBe(0);
      expect(await neffcJson('verify', cast, '--data', data)).toMatchObject({
        code: 0,
        json: { precision: 'bf16', equal: true },
      });
    }
  });
});

describe('verify', () => {
  it('tells wrong numbers: exit 6 with the output', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'neffc-e2e-'));
    try {
      const file = join(folder, 'm.neff');
      await neffc('compile', join(fixtures, 'matmul', 'model.onnx'), '-o', file);
      const { code, json } = await neffcJson(
        'verify',
        file,
        '--data',
        join(fixtures, 'matmul'),
        '--input',
        join(folder, 'x.json'),
      );
      expect(code).toBe(3);
      expect(json).toMatchObject({ diagnostics: [{ code: 'E3042' }] });
      const random = await neffc('verify', file, '--data', join(fixtures, 'matmul'), '--random', '1');
      expect(random.code).toBe(6);
      expect(random.err).toContain('error[E6001]');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('opt and the options that look into a compilation', () => {
  const model = join(fixtures, 'conv', 'model.onnx');

  it('prints graphs and stages, and stops where it is told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'neffc-e2e-'));
    try {
      const stopped = await neffc('compile', model, '--stop-after', 'fold', '--print-ir-after', 'fold');
      expect(stopped.code, stopped.err).toBe(0);
      expect(stopped.out).toMatch(/^graph /);
      expect(stopped.err).toMatch(/^; after fold\ngraph /);
      const stages = await neffc(
        'compile',
        model,
        '-o',
        join(folder, 'm.neff'),
        '--dump-after',
        'import,lower,schedule,allocate,sync,emit,plan',
        '--dump',
        'asm',
        '--time-passes',
      );
      expect(stages.code, stages.err).toBe(0);
      for (const stage of ['import', 'lower', 'emit']) expect(stages.out).toContain(`; after ${stage}\n`);
      expect(stages.out).toContain('MATMUL');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('runs passes on text', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'neffc-e2e-'));
    try {
      const text = join(folder, 'graph.txt');
      expect((await neffc('opt', model, '--passes', 'fold', '-o', text)).code).toBe(0);
      const { code, json } = await neffcJson('opt', text, '--passes', 'cse,dce', '--verify-each');
      expect(code).toBe(0);
      expect(violations(json, documentSchema('opt'))).toEqual([]);
      expect(await neffc('opt', text, '--passes', 'nothing')).toMatchObject({ code: 2 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
