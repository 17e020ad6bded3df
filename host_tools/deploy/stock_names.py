"""Names that belong to MicroPython: what its own types and modules have on any port, and what the VM looks for.

The attribute of a program that has such a name may be one of MicroPython's, so it is never given another. Names in
capitals alone are left out: none of those is renamed. Source: the stubs of MicroPython 1.29 for unix, rp2, esp32 and
stm32, and dir() of all that the unix VM has built in.
"""

STOCK = frozenset(
    """
ADCAll ADCBlock ADCWiPy AIOESPNow AbstractBlockDev AbstractNIC Accel AnyReadableBuf AnyStr_co AnyWritableBuf
ArgumentParser ArgumentTypeError ArithmeticError AssertionError AttributeError BaseCharacteristic
BaseClientCharacteristic BaseException BaseExceptionGroup BlockingIOError BodyStream BrokenPipeError Buffer
BufferError BufferedCharacteristic BufferedIOBase BytesIO BytesWarning CancelledError Characteristic ChildProcessError
ClientCharacteristic ClientDescriptor ClientDiscover ClientService ConnectionAbortedError ConnectionError
ConnectionRefusedError ConnectionResetError Const_T Counter DHTBase DMATimer DeflateIO DeprecationWarning Descriptor
Device DeviceConnection DeviceDisconnectedError DeviceTimeout EOFError ESPNow ESPNowBase Ellipsis Encoder
EncodingWarning Event Exception ExceptionGroup ExtInt FileExistsError FileNotFoundError Flash FloatingPointError
FrameBuffer FrameBuffer1 FutureWarning GattError GeneratorExit GenericAlias HID_Tuple I2CTarget IOBase IOBase_mp
IOQueue ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError
KeyboardInterrupt L2CAPChannel L2CAPConnectionError L2CAPDisconnectedError Lock LockType LookupError Loop
MP_StatResult MP_StatVfsResult MQTTClient MQTTException Man Match MemoryError ModuleNotFoundError NameError NeoPixel
NotADirectoryError NotImplemented NotImplementedError OSError OneWire OneWireError OrderedDict OverflowError
PIOASMEmit PIOASMError Partition PathLike Pattern PatternError PendingDeprecationWarning PermissionError Pin PinBase
ProcessLookupError PythonFinalizationError RawIOBase RecursionError ReferenceError RegexFlag ResourceWarning Response
RingIO RuntimeError RuntimeWarning SDCard SSLContext ScanResult Server Service Servo Signal SingletonGenerator Socket
SoftI2C SoftSPI StateMachine StopAsyncIteration StopIteration StrOrBytesPath Stream StreamReader StreamWriter StringIO
Struct Subscriptable Switch SyntaxError SyntaxWarning SystemError SystemExit TabError Task TaskQueue TextIOBase
ThreadSafeFlag TimeoutError Timer TouchPad TypeError USBDevice UnboundLocalError UnicodeDecodeError UnicodeEncodeError
UnicodeError UnicodeTranslateError UnicodeWarning UnsupportedOperation UserWarning ValueError VfsFat VfsLfs1 VfsLfs2
VfsPosix VfsRom ViperTypeError WLANWiPy Warning WindowsError ZeroDivisionError a2b_base64 abs accept accept_conn
aclose acos acosh acquire action active add add_argument add_note add_peer add_program addr addr_hex addr_type
addressof adv_data advertise aes af af_list airecv aiter alarm all alloc_emergency_exception_buf allocate_lock anext
angle antenna any append appendleft arecv args argv array as_bytearray as_integer_ratio ascii asend asin asinh asm_pio
asm_pio_encode asm_thumb asm_xtensa atan atan2 atanh atexit atten auth authenticated available awrite awritestr
b2a_base64 bdev bin bind bit_count bit_length bitstream bitstream_channel bitstream_rmt ble ble_irq blit block
block_size board bonded bool bootloader bootsel_button bpp breakpoint buf buffer_info busy bytearray bytearray_at
byteorder bytes bytes_at byteswap c_contiguous calcsize calibration call_exception_handler callable callback cancel
cancel_send capitalize capture casefold cast cat cb cd ceil center change_daemon channel characteristic
characteristics characters_written chdir check_bootsec check_msg choice chr classmethod clear clearfilter client_id
client_s clip_line clock clock_div close code collect colno command commit compare compile complex config conjugate
connect connectable connection const content contiguous contrast convert_temp copy copyright copysign core cos cosh
count counter country cp cpu crc32 crc8 create_task credits csi_available csi_disable csi_dropped csi_enable csi_read
cur_task current_task datetime debug decode decrypt deepsleep default default_exception_handler degrees deinit
del_peer delattr delay delete deleter denominator deque derive desc_cfg desc_dev description descriptor descriptors
dest detect_encoding device device_task dht_readinto dict dict_items dict_keys dict_values difference
difference_update digest digest_size digestsize dir disable disable_irq discard disconnect disconnected divmod dot
dot_no_clip drain drive dump dumps dupterm dupterm_notify duty duty_ns duty_u16 e elapsed_micros elapsed_millis
ellipse ellipsis enable enable_irq encode encoding encrypt encrypted end end_lineno end_offset endpos endswith
ensure_active enumerate ep_max erase erase_key erf erfc errno error errorcode escape eval event exc_info exceptions
exchange_mtu exec execfile executable exists exit exp expand expandtabs expm1 extend f_contiguous fabs factorial
fast_spi fault_debug fdel feed feed_wdt fget filename filename2 fileno fill fill_rect filter filtered_xyz find findall
finditer flags flash_erase flash_read flash_size flash_user_start flash_write float floor flush fmod fnmatch
fnmatchcase format format_map freq frexp from_bytes frombytes fromfile fromhex fromkeys fromlist fromstring
fromunicode frozenset fs fs_corrupted fs_type fset fullmatch func function gamma gap_advertise gap_connect
gap_disconnect gap_pair gap_passkey gap_scan gather gattc_discover_characteristics gattc_discover_descriptors
gattc_discover_services gattc_exchange_mtu gattc_read gattc_write gatts_indicate gatts_notify gatts_read
gatts_register_services gatts_set_buffer gatts_write get get_blob get_ciphers get_counters get_daemon_status
get_event_loop get_exception_handler get_extra_info get_i32 get_ident get_line get_next_update get_peer get_peers
get_pixel get_timings get_touch getaddrinfo getattr getcwd getenv getpass getrandbits getter getvalue globals gmtime
gpio gpio_matrix_in gpio_matrix_out group groupdict groupindex groups hard_reset hasattr hash have_cdc head heap_lock
heap_unlock heapify heappop heappush help hex hexdigest hexlify hid hid_keyboard hid_mouse high hline host hostname
humidity id idf_heap_info idle ifconfig ifempty iffull iflush ilistdir imag implementation in_ index indicate
indicated indices inet_ntop inet_pton inf info init input input_choice input_pass insert install int intensity
intersection intersection_update invert io ioctl ipconfig ipoll irecv irq irq_next irq_prev is_connected is_integer
is_ready is_set is_touched isalnum isalpha isascii isclose isconnected isdecimal isdigit isdisjoint isenabled isfinite
isidentifier isinf isinstance islower isnan isnumeric isprintable isr isspace issubclass issubset issuperset istitle
isupper items itemsize iter iter_unpack itf_max jmp jmppin join jpeg jpeg_data jpeg_start json kbd_intr keepalive
key_size keys l2cap_accept l2cap_connect label lastgroup lastindex ldexp len lgamma libc_ver license light lightsleep
line line_no_clip lineno list listdir listen listen_s ljust load load_binary load_cert_chain load_secrets
load_verify_locations loads locals localtime locked log log10 log2 log_error log_info log_level log_warn loop
loop_count low lower ls lstrip lw_msg lw_qos lw_retain lw_topic mac machine main makefile maketrans man manufacturer
map mapper mapping mark_app_valid_cancel_rollback match max maxsize md5 measure mem16 mem32 mem8 mem_alloc mem_backup
mem_current mem_free mem_info mem_peak mem_read mem_total mem_write memory memoryview message micros millis min mkdir
mkfs mktime mod_peer mode modf modify modules mount mov mp_available mro msg mtu mv n name name_from namedtuple names
nan nargs native nbytes ndim new new_event_loop newfile next noblock nodename noise nop normcase not_osre not_x not_y
notified notify null numerator obj object oct off offset oflush on on_read open open_connection opt opt_level ord
osdebug osr our_mtu out ow pack pack_ctrl pack_into pair parse parse_args parse_known_args partition patch path
pattern pc peek peer_count peer_mtu peers_table pend_throw period phase phases phy_mode pi pid pin pindirs ping
pininfo pins pixel platform polar poll poly poly_dot poly_line pop popitem popleft port pos post pow power prescaler
present prev print print_exception print_pcbs properties property ps1 ps2 pswd ptr ptr16 ptr32 ptr8 publish pull
pulse_width pulse_width_percent purge push put putenv pwd pwm python_compiler qstr_info queue_read queue_write quit
radians randint random randrange range raw raw_temperature re re_escape read read_channel read_core_temp
read_core_vbat read_core_vref read_scratch read_temp read_timed read_timed_multi read_u16 read_uv read_vref readbit
readblocks readbyte readchar readexactly readfrom readfrom_into readfrom_mem readfrom_mem_into readinto readline
readlines readonly real reason reconnect rect rect_interior rect_interior_no_clip rect_no_clip rect_outline
rect_outline_no_clip recv recvfrom recvinto register register_irq_handler register_services regs rel release
remote_wakeup remove remove_program removeprefix removesuffix rename repl_info repl_uart replace repr request reset
reset_cause resp_data restart reverse reversed rfind rgb rindex rjust rm rmdir rng rom_ioctl round route rpartition
rsplit rssi rstrip run run_forever run_until_complete rx_fifo rxcallback save_to_flash scan schedule screen_dump
screen_load scroll search seed seek select select_rom send send_ethernet send_html send_recv sendall sendbreak sendto
sep server server_handshake service services servo set set_blob set_boot set_brightness set_callback set_ciphers
set_exception_handler set_filters set_font set_i2c_addr set_i32 set_last_will set_native_code_location set_orient
set_pen set_pixel set_pmk set_pos set_power set_scroll set_scroll_buf set_scroll_win set_scroll_win_param set_spi_win
set_startup_deco set_text_color set_uart_baudrate set_wakeup_period setattr setblocking setdefault setfilter
setinterrupt setraw setsockopt setter settime settimeout settrace setup setup_conn sha1 sha224 sha256 sha384 sha512
shape shift show show_framebuf side sin sinh size sizeof sleep sleep_ms sleep_type sleep_us slice sock sockaddr socket
soft_reset sort sorted source_freq span speed split splitlines sqrt ssid ssl ssl_params stack_size stack_use stall
standby start start_foreground start_new_thread start_server startswith stat state state_machine static_host
staticmethod stats status statvfs stderr stdin stdout step stop str str_max stream stream_awrite strerror strides
string strip struct sub subgroup submit_xfer subn suboffsets subscribe sum super swapcase swint symmetric_difference
symmetric_difference_update sync sys sysname system tan tanh tau tcgetattr tcsetattr tell temperature template text
threshold throw ticks ticks_add ticks_cpu ticks_diff ticks_ms ticks_us tilt time time_ns time_pulse_us timeout
timeout_ms timerchannel timing title tls to_bytes tobytes tofile toggle tolist toreadonly tostring touch_config
tounicode tracebacklimit translate triangle trigger trunc tuple tx_fifo txdone type typecode udelay uint umount
uname_result unhexlify uniform union unique_id unlink unpack unpack_ctrl unpack_from unregister unsetenv unsubscribe
update upper urandom usage usb_mode user uuid value values vars verify_mode version version_info viper vline wait
wait_closed wait_done wait_for wait_for_ms wait_io_event wait_msg wake_on_ext0 wake_on_ext1 wake_on_gpio wake_on_touch
wake_on_ulp wake_pins wake_reason wakeup websocket wfi width winerror with_traceback word wrap wrap_socket wrap_target
write write_pulses write_readinto write_scratch write_timed writebit writeblocks writebyte writechar writeto
writeto_mem writevto written x x_dec x_not_y y y_dec z zfill zip
""".split()  # noqa: SIM905
)
