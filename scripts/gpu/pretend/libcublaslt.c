/* cuBLASLt that computes nothing: part of the library that libcuda.c is, under a second name.
 *
 * The tensor library searches among hundreds of kernels for each shape of a product, and compiling those takes
 * hours; cuBLASLt brings its own. So products go through it here, unless pretend.py is told to --search: each is
 * counted as a launch, and everything else is compiled as it would be. It refuses what does not multiply.
 *
 * Functions are those of NVIDIA's public header `cublasLt.h`; their types are spelled with plain C ones.
 */

enum { LT_INVALID = 7 };

typedef struct { int transposed[2]; } Multiplication;
typedef struct { int type, batch; uint64_t rows, columns; } Matrix;
typedef struct { uint64_t algorithm[8]; size_t workspace; Status state; float waves; int reserved[4]; } Candidate;

size_t cublasLtGetVersion(void) { return 120900; }
const char *cublasLtGetStatusString(Status s) { return s == LT_INVALID ? "what is multiplied does not fit" : "pretended"; }
Status cublasLtCreate(Handle *handle) { *handle = malloc(1); return OK; }
Status cublasLtDestroy(Handle handle) { free(handle); return OK; }

Status cublasLtMatmulDescCreate(Multiplication **out, int compute, int scale) {
    (void)compute; (void)scale;
    return (*out = calloc(1, sizeof **out)) ? OK : LT_INVALID;
}
Status cublasLtMatmulDescDestroy(Multiplication *it) { free(it); return OK; }
Status cublasLtMatmulDescSetAttribute(Multiplication *it, int attribute, const void *value, size_t size) {
    if (size != sizeof(int)) return LT_INVALID;
    if (attribute == 3 || attribute == 4) memcpy(&it->transposed[attribute - 3], value, size);
    return OK;
}

Status cublasLtMatrixLayoutCreate(Matrix **out, int type, uint64_t rows, uint64_t columns, int64_t stride) {
    if (stride < (int64_t)rows) return LT_INVALID;
    if (!(*out = calloc(1, sizeof **out))) return LT_INVALID;
    **out = (Matrix){type, 1, rows, columns};
    return OK;
}
Status cublasLtMatrixLayoutDestroy(Matrix *it) { free(it); return OK; }
Status cublasLtMatrixLayoutSetAttribute(Matrix *it, int attribute, const void *value, size_t size) {
    if (attribute == 5 && size == sizeof(int)) memcpy(&it->batch, value, size);
    return OK;
}

Status cublasLtMatmulPreferenceCreate(Handle *out) { *out = malloc(1); return OK; }
Status cublasLtMatmulPreferenceDestroy(Handle it) { free(it); return OK; }
Status cublasLtMatmulPreferenceSetAttribute(Handle it, int a, const void *value, size_t size) {
    (void)it; (void)a; (void)value; (void)size;
    return OK;
}

/* Whether `d = a b` is a product. */
static int fits(const Multiplication *it, const Matrix *a, const Matrix *b, const Matrix *d) {
    int left = it->transposed[0], right = it->transposed[1];
    return (left ? a->rows : a->columns) == (right ? b->columns : b->rows) && (left ? a->columns : a->rows) == d->rows
        && (right ? b->rows : b->columns) == d->columns && a->batch == b->batch && a->batch == d->batch
        && a->type == b->type;
}

Status cublasLtMatmulAlgoGetHeuristic(Handle h, Multiplication *it, Matrix *a, Matrix *b, Matrix *c, Matrix *d,
                                      Handle preference, int room, Candidate *found, int *count_) {
    (void)h; (void)c; (void)preference;
    *count_ = room > 0;
    if (!fits(it, a, b, d)) return LT_INVALID;
    if (room > 0) *found = (Candidate){.algorithm = {1}};
    return OK;
}

Status cublasLtMatmulAlgoCheck(Handle h, Multiplication *it, Matrix *a, Matrix *b, Matrix *c, Matrix *d,
                               const uint64_t *algorithm, Candidate *found) {
    (void)h; (void)c; (void)algorithm;
    *found = (Candidate){.algorithm = {1}};
    return fits(it, a, b, d) ? OK : LT_INVALID;
}

Status cublasLtMatmul(Handle h, Multiplication *it, const void *alpha, const void *A, Matrix *a, const void *B, Matrix *b,
                      const void *beta, const void *C, Matrix *c, void *D, Matrix *d, const uint64_t *algorithm,
                      void *workspace, size_t room, Handle stream) {
    (void)h; (void)alpha; (void)A; (void)B; (void)beta; (void)C; (void)c; (void)D; (void)algorithm;
    (void)workspace; (void)room; (void)stream;
    if (!fits(it, a, b, d)) return LT_INVALID;
    count(LAUNCHES, 1);
    count(PRODUCTS, 1);
    return OK;
}
