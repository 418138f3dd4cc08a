// `npm run bench`: neffc beside its peers, measured in the same run. Every figure names what it was measured with; a section whose
// peer or files are missing says so in a line. Needs a built dist/ (npm run bench builds it).
import { parseArgs } from 'node:util';
import * as allocator from './lib/allocator.mjs';
import * as compile from './lib/compile.mjs';
import { Context } from './lib/context.mjs';
import * as decoding from './lib/decoding.mjs';
import * as depthwise from './lib/depthwise.mjs';
import * as functional from './lib/functional.mjs';
import * as logits from './lib/logits.mjs';
import { machineLines } from './lib/machine.mjs';
import * as throughput from './lib/throughput.mjs';
import * as timing from './lib/timing.mjs';
import * as traffic from './lib/traffic.mjs';
import * as unrolling from './lib/unrolling.mjs';

const SECTIONS = {
  compile,
  functional,
  timing,
  throughput,
  traffic,
  depthwise,
  decoding,
  unrolling,
  logits,
  allocator,
};

const USAGE = `usage: npm run bench -- [options]
  --quick            fewer rounds
  --only NAMES       of ${Object.keys(SECTIONS).join(', ')}; separated by commas
  --resnet FILE      a ResNet-50 of batch 1 in place of the one that the bench makes
  --models DIR       folders with the face detector and the OCR pair (default ../shared/models)
  --minimalloc DIR   instances NAME.CAPACITY.csv (default ../shared/minimalloc)
  --node24 PATH      a Node 24 binary for a second functional run`;

function options() {
  const text = { type: 'string' };
  const names = { only: text, resnet: text, models: text, minimalloc: text, node24: text };
  const flags = { quick: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } };
  try {
    const { values } = parseArgs({ options: { ...names, ...flags } });
    values.sections = values.only?.split(',') ?? Object.keys(SECTIONS);
    const unknown = values.sections.find((name) => !(name in SECTIONS));
    if (unknown !== undefined) throw new Error(`there is no section ${unknown}`);
    return values;
  } catch (error) {
    console.error(`bench: ${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

const given = options();
if (given.help) {
  console.log(USAGE);
} else {
  for (const line of machineLines()) console.log(line);
  const context = new Context(given);
  for (const name of given.sections) {
    const { title, run } = SECTIONS[name];
    console.log(`\n${title}`);
    await run(context);
  }
}
