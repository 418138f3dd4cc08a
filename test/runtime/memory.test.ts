// The memory table: rows add up, weights are shared per chip, a load that does not fit says by how much.
import { describe, expect, it } from 'vitest';
import type { ArtifactDraft } from '../../src/artifact/model.js';
import { readArtifact } from '../../src/artifact/read.js';
import { artifactBytes } from '../../src/artifact/write.js';
import type { NeffcError } from '../../src/base/diagnostic.js';
import { INF1 } from '../../src/chip/builtin.js';
import { loadArtifact } from '../../src/runtime/load.js';
import { MEMORY_COLUMNS, MICROCODE_BYTES, memoryTable, memoryText } from '../../src/runtime/memory.js';
import { graphDraft, twoModels } from '../artifact/sample.js';

const read = (draft: ArtifactDraft) => readArtifact(artifactBytes(draft), { file: 'a.neff' });

describe('the memory table', () => {
  it('has a row for each core and model, and adds up', () => {
    const table = memoryTable(read(twoModels()), { target: INF1, cores: 5, sharedWeights: false });
    expect(table.rows.map((r) => `${r.chip} ${r.core} ${r.model}`)).toEqual(
      [0, 1, 2, 3, 4].flatMap((c) => [`${Math.floor(c / 4)} ${c} sample`, `${Math.floor(c / 4)} ${c} loop`]),
    );
    for (const row of table.rows) expect(row.total).toBe(MEMORY_COLUMNS.reduce((n, c) => n + row[c], 0));
    expect(table.chips.map((c) => c.total)).toEqual(
      [0, 1].map((chip) => table.rows.filter((r) => r.chip === chip).reduce((n, r) => n + r.total, 0)),
    );
    expect(table.total).toBe(table.chips[0]!.total + table.chips[1]!.total);
    const [graph, loop] = table.rows;
    expect(graph).toMatchObject({ constants: 512, tensors: 1024, shared_scratchpad: 0, dma_rings: 3 * 160 });
    expect(graph!.model_code).toBeGreaterThan(MICROCODE_BYTES);
    expect(loop).toMatchObject({ constants: 0, tensors: 16, dma_rings: 6 * 160, runtime: 0 });
    expect(loop!.model_code).toBeLessThan(1000);
  });

  it('holds weights once a chip where they are shared', () => {
    const artifact = read(graphDraft());
    const own = memoryTable(artifact, { target: INF1, cores: 16, sharedWeights: false });
    const shared = memoryTable(artifact, { target: INF1, cores: 16, sharedWeights: true });
    expect(own.total - shared.total).toBe(12 * 512);
    expect(shared.shared).toHaveLength(4);
    expect(shared.shared[0]).toMatchObject({ chip: 0, constants: 512, total: 512 });
  });

  it('is what a load that does not fit shows', () => {
    const target = { ...INF1, dram: { ...INF1.dram, bytes: 2 * MICROCODE_BYTES + 3_000_000 } };
    expect(loadArtifact(read(graphDraft()), { target, cores: 2 }).memory.chips[0]!.capacity).toBe(
      target.dram.bytes,
    );
    try {
      loadArtifact(read(graphDraft()), { target, cores: 3 });
      expect.unreachable();
    } catch (error) {
      const { diagnostics, exitCode } = error as NeffcError;
      expect([exitCode, diagnostics[0]?.code]).toEqual([5, 'E5110']);
      const table = memoryTable(read(graphDraft()), { target, cores: 3, sharedWeights: false });
      expect(diagnostics[0]?.message).toContain(`${table.total - target.dram.bytes} more`);
      expect(diagnostics[0]?.message).toContain(memoryText(table));
      expect(diagnostics[0]?.hint).toContain('--shared-weights frees 1024 bytes');
    }
  });
});
