// All views of an artifact, in the order of `dump --all`.
import { ASM, DMA, ORIGINS } from './code.js';
import { CONSTANTS, GRAPH, HOST, MEMORY } from './data.js';
import { SIGNATURE } from './signature.js';
import { SUMMARY } from './summary.js';
import type { View } from './view.js';

export const VIEWS: readonly View[] = [SUMMARY, SIGNATURE, GRAPH, HOST, MEMORY, CONSTANTS, DMA, ORIGINS, ASM];
