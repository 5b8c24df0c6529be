/* SHA-256 by the processor's own instructions: for values of some hundred bytes a library spends
 * most of its time on finding the algorithm. FIPS 180-4; the instructions as Intel describes them.
 */
#include "sha256.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

enum { BLOCK = 64, LENGTH_SIZE = 8 };

#define QUICK __attribute__((target("sha,sse4.1")))

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* The state's words as the instructions want them: A B E F and C D G H, the first one highest. */
typedef struct {
    __m128i abef;
    __m128i cdgh;
} State;

QUICK static __m128i in_order(__m128i words)
{
    return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

QUICK static void take_block(State *state, const unsigned char *block)
{
    __m128i w[4], abef = state->abef, cdgh = state->cdgh;
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m128i *now = &w[i % 4], before = w[(i + 3) % 4];
        if (i < 4) {
            *now = in_order(_mm_loadu_si128((const __m128i *)block + i));
        } else {
            __m128i sum = _mm_sha256msg1_epu32(*now, w[(i + 1) % 4]);
            sum = _mm_add_epi32(sum, _mm_alignr_epi8(before, w[(i + 2) % 4], 4));
            *now = _mm_sha256msg2_epu32(sum, before);
        }
        __m128i k = _mm_add_epi32(*now, _mm_loadu_si128((const __m128i *)constants + i));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0e));
    }
    state->abef = _mm_add_epi32(state->abef, abef);
    state->cdgh = _mm_add_epi32(state->cdgh, cdgh);
}

QUICK void sha256_quick(const unsigned char *bytes, size_t size, unsigned char *digest)
{
    State state = {
        _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
        _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19),
    };
    size_t rest = size;
    for (; rest >= BLOCK; rest -= BLOCK, bytes += BLOCK)
        take_block(&state, bytes);
    /* What is left, one bit, zeros, and the length in bits. */
    unsigned char last[2 * BLOCK] = {0};
    size_t end = rest < BLOCK - LENGTH_SIZE ? BLOCK : 2 * BLOCK;
    memcpy(last, bytes, rest);
    last[rest] = 0x80;
    uint64_t bits = __builtin_bswap64((uint64_t)size * 8);
    memcpy(last + end - LENGTH_SIZE, &bits, LENGTH_SIZE);
    take_block(&state, last);
    if (end > BLOCK)
        take_block(&state, last + BLOCK);
    __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)digest, in_order(_mm_blend_epi16(feba, dchg, 0xf0)));
    _mm_storeu_si128((__m128i *)digest + 1, in_order(_mm_alignr_epi8(dchg, feba, 8)));
}

int sha256_is_quick(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSSE3 && c & bit_SSE4_1 &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
}

#else

int sha256_is_quick(void)
{
    return 0;
}

void sha256_quick(const unsigned char *bytes, size_t size, unsigned char *digest)
{
    (void)bytes, (void)size, (void)digest;
}

#endif
