// What the figures of a run depend on: processor, Node, our version and those of the peers.
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './context.mjs';

/** Version of an installed package; undefined where it is missing. */
export function versionOf(name) {
  try {
    return JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

export function machineLines() {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const [cpu] = cpus();
  const peers = ['onnxruntime-node', 'onnxruntime-web'].map(
    (name) => `${name} ${versionOf(name) ?? 'missing'}`,
  );
  return [
    `neffc ${version}; peers: ${peers.join(', ')}`,
    `${cpus().length} x ${cpu?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.versions.node}, load ${loadavg()[0].toFixed(1)}`,
  ];
}
