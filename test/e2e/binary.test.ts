// The executable itself: what only a process can show. Skipped where dist/ is not built.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const built = existsSync(join(root, 'dist/bundle/main.js'));

const bin = join(root, 'bin/neffc.js');
const model = join(root, 'fixtures/tiny/matmul/model.onnx');
const encoder = join(root, 'fixtures/ocr/ocr_encoder.onnx');

describe.skipIf(!built)('bin/neffc.js', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'neffc-bin-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const neffc = (...argv: string[]) =>
    spawnSync(process.execPath, [bin, ...argv], { cwd: folder, encoding: 'utf8' });

  it('compiles and runs from any folder, quiet in a pipe', () => {
    const compiled = neffc('compile', model, '-o', 'm.neff');
    expect(compiled.stderr).toBe('');
    expect(compiled.status).toBe(0);
    const ran = neffc('run', 'm.neff', '--random', '1', '--json');
    expect(JSON.parse(ran.stdout)).toMatchObject({ exit_code: 0, outputs: {} });
    expect(readdirSync(folder)).toEqual(['m.neff']);
  });

  it('gives the same bytes under another locale and in another folder', () => {
    const env = { ...process.env, LC_ALL: 'tr_TR.UTF-8', TZ: 'Asia/Kathmandu' };
    const other = mkdtempSync(join(folder, 'other-'));
    spawnSync(process.execPath, [bin, 'compile', model, '-o', 'm.neff'], { cwd: other, env });
    neffc('compile', model, '-o', 'm.neff');
    expect(spawnSync('cmp', [join(other, 'm.neff'), join(folder, 'm.neff')]).status).toBe(0);
    rmSync(other, { recursive: true });
  });

  it('is content where its reader is gone', () => {
    const shell = spawnSync('sh', ['-c', `"${process.execPath}" "${bin}" dump m.neff --all | head -1`], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(shell.stderr).toBe('');
  });

  it.runIf(process.platform === 'linux')(
    'tells its own peak of memory, not that of the process that starts it',
    () => {
      const large = Buffer.alloc(400e6, 1);
      const { stdout } = neffc('compile', model, '-o', 'm.neff', '--json');
      const { peak_rss_bytes } = JSON.parse(stdout) as { peak_rss_bytes: number };
      expect(peak_rss_bytes).toBeLessThan(large.length);
      expect(peak_rss_bytes).toBeGreaterThan(20e6);
    },
  );

  it('ends with 130 at once where it is interrupted, and leaves nothing', async () => {
    const child = spawn(
      process.execPath,
      [bin, 'compile', encoder, '-o', 'big.neff', '--input-shape', 'image=1x1x32x4096'],
      { cwd: folder },
    );
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(readdirSync(folder)).toEqual(['m.neff']);
  });
});
