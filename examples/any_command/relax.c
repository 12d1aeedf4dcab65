/* Over-relaxation of Poisson's equation on a square grid. How many sweeps does it take?
 * With the factor 1 there are thousands; the best one, 2 / (1 + sin(pi / 33)) = 1.826, has about 80.
 *
 *   cc -O2 -o relax relax.c -lm
 *   pyhopper run --min --steps 40 --value sweeps -- ./relax --omega='float(1, 1.99)'
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 32

static double u[N + 2][N + 2];

int main(int argc, char **argv) {
    double omega = 1;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--omega=", 8) != 0) {
            fprintf(stderr, "unknown argument: %s\n", argv[i]);
            return 2;
        }
        omega = atof(argv[i] + 8);
    }
    double change = 1;
    int sweeps = 0;
    while (change > 1e-8 && sweeps < 10000) {
        change = 0;
        for (int i = 1; i <= N; i++) {
            for (int j = 1; j <= N; j++) {
                double around = u[i - 1][j] + u[i + 1][j] + u[i][j - 1] + u[i][j + 1];
                double step = omega * ((around + 1.0 / (N * N)) / 4 - u[i][j]);
                u[i][j] += step;
                change = fmax(change, fabs(step));
            }
        }
        sweeps++;
    }
    printf("{\"sweeps\": %d, \"middle\": %g}\n", sweeps, u[N / 2][N / 2]);
    return 0;
}
