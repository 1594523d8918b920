/* cuBLASLt over memory of the host: it refuses what the real one would, writes down what it was asked,
   and computes by columns, as `cublasLt.h` says. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INVALID = 7, NOT_SUPPORTED = 15 };
enum { F32 = 0, BF16 = 14 };

typedef struct { int compute, scale, ta, tb; } Descriptor;
typedef struct { int type; uint64_t rows, columns; int64_t stride; int32_t batch; int64_t apart; } Layout;
typedef struct { uint64_t workspace; } Preference;
typedef struct { uint64_t data[8]; size_t workspace; int state; float waves; int reserved[4]; } Result;

static char notes[65536];
static long alive;

#define NOTE(...) snprintf(notes + strlen(notes), sizeof notes - strlen(notes), __VA_ARGS__)

const char *fake_notes(void) { return notes; }
long fake_alive(void) { return alive; }

size_t cublasLtGetVersion(void) { return 130100; }
const char *cublasLtGetStatusString(int status) {
    return status == INVALID ? "an argument is not valid" : "something else";
}
int cublasLtCreate(void **handle) { alive++; *handle = malloc(1); return OK; }
int cublasLtDestroy(void *handle) { alive--; free(handle); return OK; }

int cublasLtMatmulDescCreate(Descriptor **out, int compute, int scale) {
    alive++;
    *out = calloc(1, sizeof **out);
    (*out)->compute = compute;
    (*out)->scale = scale;
    return compute == 68 && scale == F32 ? OK : INVALID;
}
int cublasLtMatmulDescDestroy(Descriptor *descriptor) { alive--; free(descriptor); return OK; }
int cublasLtMatmulDescSetAttribute(Descriptor *descriptor, int attribute, const void *value, size_t size) {
    if (size != 4 || attribute < 3 || attribute > 4) return INVALID;
    memcpy(attribute == 3 ? &descriptor->ta : &descriptor->tb, value, 4);
    return OK;
}

int cublasLtMatrixLayoutCreate(Layout **out, int type, uint64_t rows, uint64_t columns, int64_t stride) {
    if (stride < (int64_t)rows || (type != F32 && type != BF16)) return INVALID;
    alive++;
    *out = calloc(1, sizeof **out);
    **out = (Layout){type, rows, columns, stride, 1, 0};
    return OK;
}
int cublasLtMatrixLayoutDestroy(Layout *layout) { alive--; free(layout); return OK; }
int cublasLtMatrixLayoutSetAttribute(Layout *layout, int attribute, const void *value, size_t size) {
    if (attribute == 5 && size == 4) memcpy(&layout->batch, value, 4);
    else if (attribute == 6 && size == 8) memcpy(&layout->apart, value, 8);
    else return INVALID;
    return OK;
}

int cublasLtMatmulPreferenceCreate(Preference **out) { alive++; *out = calloc(1, sizeof **out); return OK; }
int cublasLtMatmulPreferenceDestroy(Preference *preference) { alive--; free(preference); return OK; }
int cublasLtMatmulPreferenceSetAttribute(Preference *preference, int attribute, const void *value, size_t size) {
    if (attribute != 1 || size != 8) return INVALID;
    memcpy(&preference->workspace, value, 8);
    return OK;
}

static void note_layout(const char *name, const Layout *layout, int transposed) {
    NOTE("  %s %s %llu x %llu%s, stride %lld", name, layout->type == BF16 ? "bf16" : "f32",
         (unsigned long long)layout->rows, (unsigned long long)layout->columns, transposed ? "'" : "",
         (long long)layout->stride);
    if (layout->batch != 1) NOTE(", %d of them %lld apart", layout->batch, (long long)layout->apart);
    NOTE("\n");
}

static int fits(const Descriptor *d, const Layout *a, const Layout *b, const Layout *c, const Layout *e) {
    uint64_t m = d->ta ? a->columns : a->rows, k = d->ta ? a->rows : a->columns;
    uint64_t n = d->tb ? b->rows : b->columns, l = d->tb ? b->columns : b->rows;
    return k == l && c->rows == m && c->columns == n && a->type == b->type && c->type == e->type
        && e->rows == m && e->columns == n && a->batch == b->batch && b->batch == c->batch
        && (c->type == a->type || c->type == F32);
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, Descriptor *d, Layout *a, Layout *b, Layout *c, Layout *e,
                                   Preference *preference, int room, Result *found, int *count) {
    (void)handle;
    if (!fits(d, a, b, c, e)) return INVALID;
    NOTE("heuristic: %d algorithms within %llu MiB\n", room, (unsigned long long)preference->workspace >> 20);
    note_layout("A", a, d->ta);
    note_layout("B", b, d->tb);
    note_layout("C", c, 0);
    if (c->rows == 13) return NOT_SUPPORTED;
    /* The second one wants more workspace than there is, the third one failed. */
    size_t workspaces[4] = {0, (size_t)64 << 20, 0, 1 << 20};
    *count = room < 4 ? room : 4;
    for (int i = 0; i < *count; i++) {
        memset(&found[i], 0, sizeof found[i]);
        found[i].data[0] = i + 1;
        found[i].data[7] = 0xabcdef;
        found[i].workspace = workspaces[i];
        found[i].state = i == 2 ? NOT_SUPPORTED : OK;
    }
    return OK;
}

int cublasLtMatmulAlgoCheck(void *handle, Descriptor *d, Layout *a, Layout *b, Layout *c, Layout *e,
                            const uint64_t *algorithm, Result *found) {
    (void)handle;
    if (!fits(d, a, b, c, e) || algorithm[7] != 0xabcdef) return INVALID;
    memset(found, 0, sizeof *found);
    /* The first one is not for small products. */
    return algorithm[0] == 1 && c->rows < 3 ? NOT_SUPPORTED : OK;
}

static float at(const void *values, int type, int64_t index) {
    if (type == F32) return ((const float *)values)[index];
    uint32_t bits = (uint32_t)((const uint16_t *)values)[index] << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static void put(void *values, int type, int64_t index, float value) {
    if (type == F32) { ((float *)values)[index] = value; return; }
    uint32_t bits;
    memcpy(&bits, &value, 4);
    ((uint16_t *)values)[index] = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

static int64_t place(const Layout *layout, int batch, uint64_t row, uint64_t column) {
    return batch * layout->apart + (int64_t)row + (int64_t)column * layout->stride;
}

int cublasLtMatmul(void *handle, Descriptor *d, const float *alpha, const void *A, Layout *a, const void *B,
                   Layout *b, const float *beta, const void *C, Layout *c, void *D, Layout *e,
                   const uint64_t *algorithm, void *workspace, size_t room, void *stream) {
    (void)handle;
    if (!fits(d, a, b, c, e) || algorithm[7] != 0xabcdef || !stream || !workspace) return INVALID;
    NOTE("matmul: algorithm %llu, alpha %g, beta %g, %s, %zu MiB\n", (unsigned long long)algorithm[0], *alpha,
         *beta, C == D ? "in place" : "elsewhere", room >> 20);
    memset(workspace, 0xff, room);
    uint64_t k = d->ta ? a->rows : a->columns;
    for (int i = 0; i < e->batch; i++)
        for (uint64_t column = 0; column < e->columns; column++)
            for (uint64_t row = 0; row < e->rows; row++) {
                float sum = 0;
                for (uint64_t l = 0; l < k; l++)
                    sum += at(A, a->type, d->ta ? place(a, i, l, row) : place(a, i, row, l))
                         * at(B, b->type, d->tb ? place(b, i, column, l) : place(b, i, l, column));
                float before = *beta ? *beta * at(C, c->type, place(c, i, row, column)) : 0;
                put(D, e->type, place(e, i, row, column), *alpha * sum + before);
            }
    return OK;
}
