/* SPDX-License-Identifier: GPL-2.0-only */
/* The terminal of this process: its size, its keys, and that it is left as it was found. */
#include "gateway/gwctl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static struct {
	struct termios before;
	bool keys; /* standard input is a terminal whose settings are ours */
	bool ours;
} screen;
static volatile sig_atomic_t ended, resized;

static void take_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

static void watch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	struct sigaction action = { .sa_handler = take_signal };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
}

void gwctl_terminal_size(void *arg, unsigned *columns, unsigned *lines)
{
	struct winsize size = { 0 };

	(void)arg;
	*columns = *lines = 0;
	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
		*columns = size.ws_col;
		*lines = size.ws_row;
	}
}

static void put(const char *text)
{
	ssize_t n = write(STDOUT_FILENO, text, strlen(text));

	(void)n; /* a terminal that is gone needs nothing */
}

/* The other page of the terminal, no cursor; keys come at once and unechoed, Ctrl-C as a key. */
void gwctl_terminal_screen(void *arg, bool ours)
{
	struct termios raw;

	(void)arg;
	if (ours == screen.ours)
		return;
	screen.ours = ours;
	if (!ours) {
		put("\033[?7h\033[?25h\033[?1049l");
		if (screen.keys)
			tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.before);
		return;
	}
	watch_signals();
	screen.keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen.before) == 0;
	if (screen.keys) {
		raw = screen.before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	put("\033[?1049h\033[?25l\033[?7l"); /* too long a line is cut, not wrapped */
}

/* True: a key that ends it, or nobody is at the other end any more. */
static bool key_ends(void)
{
	char key;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	if (n < 0)
		return errno != EINTR && errno != EAGAIN;
	return n == 0 || key == 'q' || key == 'Q' || key == 3 /* Ctrl-C */ || key == 4 /* Ctrl-D */;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool gwctl_terminal_wait(void *arg, unsigned ms)
{
	struct pollfd keys = { .fd = screen.ours && screen.keys ? STDIN_FILENO : -1,
			       .events = POLLIN };
	int64_t until = now_ms() + ms, left;

	(void)arg;
	for (resized = 0; !ended && !resized && (left = until - now_ms()) > 0;)
		if (poll(&keys, 1, (int)left) > 0 && key_ends())
			return false;
	return !ended;
}
