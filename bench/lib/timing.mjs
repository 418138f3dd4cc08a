// Timing-only simulation: how long the simulator takes for the time of one execution of an artifact, without data.
import { jsonOf } from './child.mjs';
import { child } from './context.mjs';
import { median, ms, printTable } from './print.mjs';

export const title = 'Timing-only ResNet-50 (inf2, fp32, batch 1; a process of its own)';

export async function run(context) {
  const artifact = await context.artifact('resnet50-inf2', await context.resnet(1));
  const runs = [];
  for (let i = 0; i < context.rounds; i++) runs.push(await jsonOf(child('run-timing'), [artifact]));
  const of = (figure) => ms(median(runs.map(figure)));
  printTable([
    ['', 'time'],
    ['first execution in the process', of((r) => r.times[0])],
    ['later executions', of((r) => median(r.times.slice(1)))],
    ['reading the artifact (hashes included)', of((r) => r.readMs)],
    ['whole process', of((r) => r.wallMs)],
  ]);
}
