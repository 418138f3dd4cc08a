// DRAM traffic of ResNet-50 against the compulsory: inputs, outputs and weights that are not pinned, each once.
import { readArtifact } from './context.mjs';
import { modelledRun } from './modelled.mjs';
import { mb, printTable, times, us } from './print.mjs';

export const title = 'DRAM traffic of ResNet-50, batch 1, one core';

export async function run(context) {
  const model = await context.resnet(1);
  const inf1 = ['--target', 'inf1', '--auto-cast', 'all'];
  const artifacts = [
    ['inf2, fp32', await context.artifact('resnet50-inf2', model)],
    ['inf1, --auto-cast all', await context.artifact('resnet50-inf1-b1', model, ...inf1)],
  ];
  const rows = [
    ['', 'DRAM', 'compulsory', 'ratio', 'transfers', 'rows', 'bytes a row', 'pinned', 'device time'],
  ];
  for (const [name, artifact] of artifacts) {
    const { profile } = await modelledRun(await readArtifact(artifact));
    const { dma, memory, device_ns } = profile;
    const ratio = times(dma.dram_bytes / dma.compulsory_bytes);
    const sizes = [mb(dma.dram_bytes), mb(dma.compulsory_bytes), ratio, dma.transfers, dma.rows];
    rows.push([name, ...sizes, (dma.bytes / dma.rows).toFixed(0), mb(memory.pinned_bytes), us(device_ns)]);
  }
  printTable(rows);
}
