/* A process that saves again and again is killed at instants drawn at random. */
#ifndef CRASH_RANDOM_KILLS_H
#define CRASH_RANDOM_KILLS_H

/* Kills `count` such processes, one after the other, on the file that the one before left; fails the test if it is ever
 * neither the old nor the new one. */
void random_kills(int count, unsigned seed);

#endif
