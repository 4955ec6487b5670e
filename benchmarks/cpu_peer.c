/* The right-hand side of the bilinear flow, F_l of x_l' = x_l F_l, as one writes it by hand: one fused loop.
   The peer that the generated loops are timed against; theory 4, theorem linear-recursion. */
#include <math.h>

void rates(long systems, long tokens, long states, const double *x, const double *mu, const double *a,
           const double *s, const double *b, const double *floor, double *out, double *f)
{
    for (long i = 0; i < systems; i++) {
        for (long n = 0; n < states; n++) f[n] = 0.0;
        for (long l = 0; l < tokens; l++) {
            const double v = x[i * tokens + l], z = s[i] * v + b[i];
            const double delta = fmax(z, 0.0) + log1p(exp(-fabs(z))) + floor[i], w = v * v * delta;
            double sum = 0.0;
            for (long n = 0; n < states; n++) {
                f[n] = exp(-a[i * states + n] * delta) * f[n] + mu[i * states + n] * w;
                sum += f[n];
            }
            out[i * tokens + l] = sum;
        }
    }
}
