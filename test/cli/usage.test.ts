// Command lines that mean nothing: exit 2, a code, and what was probably meant.
import { describe, expect, it, test } from 'vitest';
import { neffc, neffcJson } from '../helpers/command-line.js';

describe('a wrong command line', () => {
  test.each([
    [['frobnicate'], 'E2001', "unknown command 'frobnicate'"],
    [['compil', 'm.onnx'], 'E2001', 'Did you mean compile?'],
    [['compile', 'm.onnx', '-o', 'x', '--targt', 'inf2'], 'E2001', 'Did you mean --target?'],
    [['compile', 'm.onnx'], 'E2001', '--output'],
    [['compile', '-o', 'x.neff'], 'E2001', "'model'"],
    [['compile', 'm.onnx', '-o', 'x', '--target', 'inf3'], 'E2003', 'inf1, inf2'],
    [['compile', 'm.onnx', '-o', 'x', '--auto-cast', 'al'], 'E2002', 'all'],
    [['compile', 'm.onnx', '-o', 'x', '-O7'], 'E2002', 'from 0 to 3'],
    [['compile', 'm.onnx', '-o', 'x', '--input-shape', 'image'], 'E2002', 'NAME=VALUE'],
    [['compile', 'm.onnx', '-o', 'x', '--input-shape', 'image=1xa'], 'E2002', '1xa'],
    [['compile', 'm.onnx', '-o', 'x', '--input-shape', 'image=1x2:f33'], 'E2002', 'f32'],
    [['compile', 'm.onnx', '-o', 'x', '--partitions', '50,25'], 'E2002', 'ascending'],
    [['compile', 'm.onnx', '-o', 'x', '--preprocess', 'image=grau'], 'E2161', 'grey'],
    [['compile', 'm.onnx', '-o', 'x', '--dump-after', 'lowr'], 'E2002', 'lower'],
    [['run', 'x.neff', '--cores', '0'], 'E2002', 'from 1'],
    [['verify', 'x.neff'], 'E2001', '--data'],
    [['explain', 'E0000'], 'E2001', 'E0000'],
    [[], 'E2001', 'Usage: neffc'],
  ])('%j', async (argv, code, text) => {
    const ran = await neffc(...argv);
    expect(ran.code).toBe(2);
    expect(ran.out).toBe('');
    expect(ran.err).toContain(`error[${code}]: `);
    expect(ran.err).toContain(text);
    expect(ran.err).not.toContain('    at ');
  });
});

it('is one JSON document where JSON is asked for', async () => {
  const { code, json } = await neffcJson('compile', 'm.onnx', '-o', 'x', '--targt', 'inf2');
  expect(code).toBe(2);
  expect(json).toMatchObject({
    schema: 1,
    exit_code: 2,
    diagnostics: [{ code: 'E2001', severity: 'error' }],
  });
});

it('answers --help and --version', async () => {
  const help = await neffc('--help');
  expect(help.code).toBe(0);
  expect(help.out).toContain('Exit codes:');
  expect((await neffc('compile', '--help')).out).toContain('--input-shape <name=shape>');
  expect((await neffc('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it('explains diagnostics, lists operators, targets and passes', async () => {
  expect((await neffc('explain', 'e2013')).out).toContain('--input-shape');
  expect((await neffc('ops', 'matmul')).out).toMatch(/^MatMul +ai\.onnx +chip/m);
  expect((await neffc('ops', '--frontend', 'torchscript', 'conv2d')).out).toContain('aten');
  expect((await neffc('targets')).out).toContain('inf1');
  expect((await neffc('opt', '--list')).out).toMatch(/^fold /m);
  expect((await neffc('doctor')).code).toBe(0);
});
