// An indexed binary heap: for each of a fixed number of ids at most one time in ticks. The smallest time comes first, ties by id,
// so that the order of simulated events is defined to the last. Knows nothing of what the ids stand for.

export class EventQueue {
  private readonly heap: Int32Array;
  /** Index in `heap`, -1 where the id has no event. */
  private readonly place: Int32Array;
  private readonly times: Float64Array;
  private size = 0;

  constructor(ids: number) {
    this.heap = new Int32Array(ids);
    this.place = new Int32Array(ids).fill(-1);
    this.times = new Float64Array(ids);
  }

  /** Time of the first event; Infinity where there is none. */
  firstTime(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : this.times[this.heap[0]!]!;
  }

  /** Id of the first event; -1 where there is none. */
  firstId(): number {
    return this.size === 0 ? -1 : this.heap[0]!;
  }

  /** Time of the event that follows the first; Infinity where there is none. */
  secondTime(): number {
    if (this.size < 2) return Number.POSITIVE_INFINITY;
    const left = this.times[this.heap[1]!]!;
    return this.size < 3 ? left : Math.min(left, this.times[this.heap[2]!]!);
  }

  has(id: number): boolean {
    return this.place[id]! >= 0;
  }

  /** Gives `id` an event at `time`, in place of the one it had. */
  set(id: number, time: number): void {
    let at = this.place[id]!;
    if (at < 0) at = this.size++;
    this.times[id] = time;
    this.heap[at] = id;
    this.place[id] = at;
    if (!this.rise(at)) this.sink(at);
  }

  remove(id: number): void {
    const at = this.place[id]!;
    if (at < 0) return;
    this.place[id] = -1;
    this.size--;
    if (at === this.size) return;
    const moved = this.heap[this.size]!;
    this.heap[at] = moved;
    this.place[moved] = at;
    if (!this.rise(at)) this.sink(at);
  }

  private before(a: number, b: number): boolean {
    const ta = this.times[a]!;
    const tb = this.times[b]!;
    return ta < tb || (ta === tb && a < b);
  }

  private rise(from: number): boolean {
    const { heap, place } = this;
    const id = heap[from]!;
    let at = from;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const other = heap[up]!;
      if (!this.before(id, other)) break;
      heap[at] = other;
      place[other] = at;
      at = up;
    }
    heap[at] = id;
    place[id] = at;
    return at !== from;
  }

  private sink(from: number): void {
    const { heap, place, size } = this;
    const id = heap[from]!;
    let at = from;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= size) break;
      if (down + 1 < size && this.before(heap[down + 1]!, heap[down]!)) down++;
      const other = heap[down]!;
      if (!this.before(other, id)) break;
      heap[at] = other;
      place[other] = at;
      at = down;
    }
    heap[at] = id;
    place[id] = at;
  }
}
