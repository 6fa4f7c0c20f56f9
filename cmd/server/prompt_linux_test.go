package main

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// newTerminal is a terminal, and the side from which somebody types into it.
func newTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no pseudo terminals here:", err)
	}
	var number, unlock uint32
	ioctl(t, keyboard, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	ioctl(t, keyboard, syscall.TIOCGPTN, unsafe.Pointer(&number))
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo terminals here:", err)
	}
	t.Cleanup(func() { _, _ = keyboard.Close(), terminal.Close() })
	return keyboard, terminal
}

func ioctl(t *testing.T, f *os.File, request uintptr, at unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(at)); errno != 0 {
		t.Skip("there are no pseudo terminals here:", errno)
	}
}

// shows tells whether a terminal shows what is typed.
func shows(t *testing.T, f *os.File) bool {
	t.Helper()
	var state syscall.Termios
	ioctl(t, f, syscall.TCGETS, unsafe.Pointer(&state))
	return state.Lflag&syscall.ECHO != 0
}

// While a secret is typed the terminal does not show it, and afterwards it shows again what is typed: when there
// was an answer, and when there was an interrupt instead.
func TestReadHidden(t *testing.T) {
	for name, end := range map[string]func(keyboard *os.File){
		"answer":    func(keyboard *os.File) { _, _ = keyboard.WriteString("s3cret\n") },
		"interrupt": func(*os.File) { _ = syscall.Kill(syscall.Getpid(), syscall.SIGINT) },
	} {
		keyboard, terminal := newTerminal(t)
		if !shows(t, terminal) {
			t.Fatal("the terminal shows nothing from the beginning")
		}
		type line struct {
			text []byte
			err  error
		}
		read := make(chan line, 1)
		go func() {
			text, err := readHidden(int(terminal.Fd()))
			read <- line{text, err}
		}()
		for range 500 {
			if !shows(t, terminal) {
				break
			}
			pause(10 * time.Millisecond)
		}
		if shows(t, terminal) {
			t.Fatal("the terminal shows what is typed")
		}
		end(keyboard)
		l := <-read
		if name == "answer" && (string(l.text) != "s3cret" || l.err != nil) || name == "interrupt" && !errors.Is(l.err, errNoAnswer) {
			t.Errorf("%s: %q, %v", name, l.text, l.err)
		}
		if !shows(t, terminal) {
			t.Errorf("after the %s the terminal shows nothing any more", name)
		}
	}
}
