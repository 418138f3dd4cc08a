// JSON schemas of the documents of `--json`, one a command: docs/schemas is written from here, and tests hold real documents against
// them. A change to what stands here is noted in the CHANGELOG, and raises the command's `schema` where scripts would notice.

type Schema = { readonly [key: string]: unknown };

interface Field {
  readonly schema: Schema;
  readonly optional?: true;
}

const string: Field = { schema: { type: 'string' } };
const integer: Field = { schema: { type: 'integer' } };
/** Non-finite numbers are strings. */
const number: Field = { schema: { type: ['number', 'string'] } };
const boolean: Field = { schema: { type: 'boolean' } };
const anything: Field = { schema: {} };
const optional = ({ schema }: Field): Field => ({ schema, optional: true });
const list = ({ schema }: Field): Field => ({ schema: { type: 'array', items: schema } });
const oneOf = (...names: readonly string[]): Field => ({ schema: { enum: names } });
const dictionary = ({ schema }: Field): Field => ({
  schema: { type: 'object', additionalProperties: schema },
});

function record(fields: Readonly<Record<string, Field>>, open = false): Field {
  const entries = Object.entries(fields);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, f]) => [name, f.schema])),
      required: entries.filter(([, f]) => f.optional !== true).map(([name]) => name),
      ...(!open && { additionalProperties: false }),
    },
  };
}

const place = record({
  file: optional(string),
  node: optional(string),
  line: optional(integer),
  offset: optional(integer),
});
const diagnostic = record({
  code: string,
  severity: oneOf('error', 'warning', 'note'),
  message: string,
  where: optional(place),
  hint: optional(string),
});

/** What every document has. On failure nothing else is there, but `reproducer` for a bug. */
const HEAD = {
  schema: integer,
  exit_code: integer,
  diagnostics: list(diagnostic),
  reproducer: optional(string),
};

const columns = {
  model_code: integer,
  constants: integer,
  tensors: integer,
  scratchpad: integer,
  shared_scratchpad: integer,
  dma_rings: integer,
  runtime: integer,
  total: integer,
};
const memory = {
  rows: list(record({ chip: integer, core: integer, model: string, ...columns })),
  shared: list(record({ chip: integer, ...columns })),
  chips: list(record({ chip: integer, total: integer, capacity: integer })),
  total: integer,
};

const engines = { pe: number, act: number, dve: number, pool: number, sp: number, dma: number };
const instructions = record({ ...engines, executed: integer, stored: integer });
const bounds = record({
  pe_ns: number,
  act_ns: number,
  dve_ns: number,
  pool_ns: number,
  dma_ns: number,
  dram_ns: number,
  chain_ns: number,
});
const peak = record({ peak_bytes: integer, capacity_bytes: integer });
const compared = {
  equal: boolean,
  reason: optional(string),
  maxError: number,
  worst: number,
  cosine: number,
  argMaxDiffers: optional(integer),
  differing: optional(integer),
  dtype: string,
  shape: list(integer),
};
const pass = record({ name: string, rewrites: integer, nodes: integer, milliseconds: number });

const DOCUMENTS: Readonly<
  Record<
    string,
    { readonly title: string; readonly fields: Readonly<Record<string, Field>>; readonly open?: true }
  >
> = {
  compile: {
    title: 'neffc compile --json',
    fields: {
      artifact: record({ path: string, bytes: integer, sha256: string }),
      target: string,
      executables: list(
        record(
          {
            name: string,
            kind: oneOf('graph', 'encoder', 'decoder', 'whole'),
            bucket: optional(string),
            instructions,
            modelled: record({ cycles: integer, ns: number }),
          },
          true,
        ),
      ),
      constants: record({ bytes: integer, unique_bytes: integer }),
      copies: record({ count: integer, bytes: integer }),
      host_operators: list(record({ op: string, node: string, modelled_ns: number })),
      warnings: list(diagnostic),
      timing: record({ total_ms: number, stages: list(record({ name: string, ms: number })) }),
      peak_rss_bytes: integer,
    },
    open: true,
  },
  run: {
    title: 'neffc run --json',
    fields: {
      outputs: dictionary(anything),
      text: optional({ schema: { type: ['string', 'array'] } }),
      bucket: optional(string),
      metrics: record(
        {
          latency_ns: number,
          executions: list(record({ name: string, kind: string, count: integer })),
          host: record({
            to_device_bytes: integer,
            from_device_bytes: integer,
            between_steps_bytes: integer,
          }),
          memory: record(memory),
          wall_ms: number,
        },
        true,
      ),
    },
    open: true,
  },
  verify: {
    title: 'neffc verify --json',
    fields: {
      equal: boolean,
      precision: string,
      outputs: list(record({ set: string, output: string, ...compared })),
      layers: optional(
        record({
          layers: list(record({ node: string, op: string, ...compared })),
          first: optional(record({ node: string, op: string, ...compared })),
          changedByPasses: list(record({ output: string, reason: string })),
        }),
      ),
    },
  },
  'dump-memory': { title: 'neffc dump --memory --json', fields: memory },
  dump: {
    title: 'neffc dump --json: the view asked for, or several under their names',
    fields: {
      summary: optional(anything),
      signature: optional(anything),
      graph: optional(anything),
      host: optional(anything),
      memory: optional(anything),
      constants: optional(anything),
      dma: optional(anything),
      origins: optional(anything),
      asm: optional(anything),
    },
    open: true,
  },
  profile: {
    title: 'neffc profile --json',
    fields: {
      target: string,
      bucket: optional(string),
      latency_ns: number,
      device_ns: number,
      load_ns: number,
      executions: list(record({ name: string, kind: string, count: integer, ns: number })),
      bounds,
      bound_ns: number,
      over_bound: number,
      engines: list(
        record({
          engine: string,
          instructions: integer,
          busy_ns: number,
          utilisation: number,
          stalls_ns: record({ semaphore: number, operand: number, port: number, stationary: number }),
        }),
      ),
      dma: record({
        transfers: integer,
        rows: integer,
        bytes: integer,
        dram_bytes: integer,
        compulsory_bytes: integer,
      }),
      memory: record({ sbuf: peak, psum: peak, pinned_bytes: integer, device: record(memory) }),
      layers: list(
        record({
          node: string,
          op: string,
          busy_ns: record(engines),
          dma_bytes: integer,
          cycles: integer,
          start_ns: number,
          end_ns: number,
          instructions: integer,
        }),
      ),
      requests_per_s: number,
      throughput: record({
        requests: integer,
        in_flight: integer,
        cores: integer,
        total_ns: number,
        busy: dictionary(number),
        max_latency_ns: number,
      }),
    },
  },
  ops: {
    title: 'neffc ops --json',
    fields: {
      frontend: string,
      operators: list(
        record({
          operator: string,
          domain: string,
          versions: optional(list(integer)),
          signatures: optional(list(string)),
          runs: oneOf('chip', 'host', 'compile time'),
        }),
      ),
    },
  },
  opt: { title: 'neffc opt --json', fields: { graph: string, passes: list(pass), rewrites: integer } },
};

/** The documents that have a schema, by file name without ending. */
export const SCHEMA_NAMES = Object.keys(DOCUMENTS);

/** The schema of a successful document (`failed` false), or of any. */
export function documentSchema(name: string, failed = false): Schema {
  const { title, fields, open } = DOCUMENTS[name] ?? { title: name, fields: {} };
  const own = failed
    ? Object.fromEntries(Object.entries(fields).map(([key, f]) => [key, optional(f)]))
    : fields;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title,
    ...record({ ...HEAD, ...own }, open).schema,
  };
}
